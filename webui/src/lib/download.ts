/* Files that the page makes itself: tables as CSV, charts as PNG. */

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/* A spreadsheet runs cells that begin like a formula; an apostrophe makes them text. */
const FORMULA = /^[=+\-@\t\r]/;

function cell(value: string | number | null | undefined): string {
  if (value === null || value === undefined || (typeof value === "number" && !Number.isFinite(value))) return "";
  if (typeof value === "number") return String(Math.round(value * 1e6) / 1e6);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export type CsvRow = (string | number | null | undefined)[];

export function csvText(rows: Iterable<CsvRow>): string {
  let text = "";
  for (const row of rows) text += `${row.map(cell).join(",")}\r\n`;
  return text;
}

export function saveCsv(name: string, rows: Iterable<CsvRow>): void {
  save(new Blob([csvText(rows)], { type: "text/csv" }), `${name}.csv`);
}

/** The canvas on an opaque ground, below its title. */
export function savePng(name: string, title: string, canvas: HTMLCanvasElement, ground: string, ink: string, font: string): void {
  const scale = devicePixelRatio;
  const head = 32 * scale;
  const out = document.createElement("canvas");
  out.width = canvas.width;
  out.height = canvas.height + head;
  const pen = out.getContext("2d")!;
  pen.fillStyle = ground;
  pen.fillRect(0, 0, out.width, out.height);
  pen.fillStyle = ink;
  pen.font = `600 ${14 * scale}px ${font}`;
  pen.fillText(title, 12 * scale, 21 * scale);
  pen.drawImage(canvas, 0, head);
  out.toBlob((blob) => blob && save(blob, `${name}.png`));
}
