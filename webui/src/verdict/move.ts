/* A threshold with another limit: its text, and the steps in which a limit is moved. Pure. */
import type { Threshold } from "../live/judged";
import { lineOf, QUOTED } from "./words";

/** Those of the page and the API are changed from here. */
export const OF_THE_PAGE = "start";

const LIMIT = /([<>]=?|[=!]=)(\s*)(\d+(?:\.\d+)?|\.\d+)/;

/** Where the limit stands in the text: not in a quoted name, which may look like one. */
function placeOf(text: string): { at: number; number: string } | null {
  const found = LIMIT.exec(text.replace(QUOTED, (quoted) => " ".repeat(quoted.length)));
  return found === null || !(Number(found[3]) > 0) ? null : { at: found.index + found[1]!.length + found[2]!.length, number: found[3]! };
}

/** As it would be typed with that limit, in the unit in which it was typed; null: it cannot be told. */
export function withLimit(one: Threshold, limit: number): string | null {
  const place = placeOf(one.text);
  if (place === null || !(one.limit > 0)) return null;
  const number = String(Number(((limit * Number(place.number)) / one.limit).toPrecision(6)));
  return lineOf({ ...one, text: one.text.slice(0, place.at) + number + one.text.slice(place.at + place.number.length) });
}

/** An edit takes the place of all that the page set: what it could not say again must not be among them. */
export function canMove(one: Threshold, all: readonly Threshold[]): boolean {
  return one.source === OF_THE_PAGE && withLimit(one, one.limit) !== null && !all.some(({ source, k6 }) => source === OF_THE_PAGE && k6);
}

/** All lines of the page, with one limit moved. */
export function linesWith(all: readonly Threshold[], moved: Threshold, limit: number): string[] {
  const mine = all.filter(({ source }) => source === OF_THE_PAGE);
  const at = mine.findIndex(({ text, name }) => text === moved.text && name === moved.name);
  return mine.map((one, i) => (i === at ? withLimit(one, limit)! : lineOf(one)));
}

/** One part in about a hundred of what the axis shows, or of a value beyond it; on a logarithmic one of the value itself. */
export function stepAt(value: number, top: number, isLog: boolean): number {
  const size = (isLog ? value / 10 : Math.max(top, value) / 50) || 1;
  const power = 10 ** Math.floor(Math.log10(size));
  return size >= 5 * power ? 5 * power : size >= 2 * power ? 2 * power : power;
}

/** On whole steps, above 0. */
export function onStep(value: number, step: number): number {
  return Number((Math.max(1, Math.round(value / step)) * step).toPrecision(6));
}
