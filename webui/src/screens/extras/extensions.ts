/* Tabs, tables and files that a locustfile adds to the page (docs/api.md, "What a locustfile
 * adds"). Their rows come with the statistics, as Locust has it. Pure. */

export interface ExtraTable {
  key: string;
  title: string;
  columns: { key: string; title: string }[];
}

export interface ExtraFile {
  href: string;
  title: string;
}

export interface Extensions {
  tables: ExtraTable[];
  files: ExtraFile[];
}

export interface Given {
  extended_tabs?: unknown;
  extended_tables?: unknown;
  extended_csv_files?: unknown;
}

type Fields = Record<string, unknown>;

function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter((one): one is Fields => typeof one === "object" && one !== null) : [];
}

const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");

/** An address of this master only: the locustfile's words may hold text of the tested system. */
export function ownAddress(href: string, base: string): string | null {
  try {
    const url = new URL(href.replace(/^\/+/, ""), base);
    return url.origin === new URL(base).origin && /^https?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** A tab is the title of the table with its key. */
export function extensionsOf(given: Given, base: string): Extensions {
  const titles = new Map(list(given.extended_tabs).map((tab) => [text(tab["key"]), text(tab["title"])]));
  const tables = list(given.extended_tables).map((table) => ({
    key: text(table["key"]), title: titles.get(text(table["key"])) || text(table["key"]),
    columns: list(table["structure"]).map((column) => ({ key: text(column["key"]), title: text(column["title"]) || text(column["key"]) })),
  }));
  const files = list(given.extended_csv_files).flatMap((file) => {
    const href = ownAddress(text(file["href"]), base);
    return href === null ? [] : [{ href, title: text(file["title"]) || href }];
  });
  return { tables, files };
}
