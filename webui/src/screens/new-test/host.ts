/* Where the load of a form goes: a host that was typed, completed; or those of the classes. Pure. */
import { visible } from "../../lib/format";
import type { TestForm } from "./form";
import type { Script, UserClass } from "./script";

const BARE = /^(\[[0-9a-f:.]+\]|[^\s/?#:@[\]]+)(:\d+)?(\/(?!.*\/\/)\S*)?$/i;

/** "127.0.0.1:8000" is an address that lacks its http:// only; anything else stays as it is. */
export function completed(host: string): string {
  const text = host.trim();
  return BARE.test(text) ? `http://${text}` : text;
}

function isUrl(host: string): boolean {
  return /^http(s|\+unix)?:\/\/[^/?#:\s][^\s]*$/i.test(host);
}

/** Classes that the test would have users of. */
function taking(form: TestForm, script: Script): UserClass[] {
  return script.classes.filter(({ name }) => {
    const choice = form.classes[name];
    return choice !== undefined && choice.isChosen && (Number(choice.weight) > 0 || Number(choice.fixed) > 0);
  });
}

/** The first class whose users cannot start as the form is now; null: all can. */
function needy(form: TestForm, script: Script): UserClass | null {
  return form.host.trim() === "" ? (taking(form, script).find((one) => one.needs_host) ?? null) : null;
}

/** Why an empty host will not do, in the master's words; "" when it will, or nobody can tell: a load
 * shape may choose classes, and machines of workers may know a host. */
export function hostMissing(form: TestForm, script: Script, isDistributed: boolean): string {
  const one = script.shape !== null || isDistributed ? null : needy(form, script);
  return one === null ? "" : `${visible(one.name)} has no host of its own: give one.`;
}

function byHost(classes: UserClass[]): [string, string[]][] {
  const groups = new Map<string, string[]>();
  for (const one of classes) if (one.host) groups.set(one.host, [...(groups.get(one.host) ?? []), one.name]);
  return [...groups];
}

/** What the field says: where the load goes as the form is now. */
export function hostHint(form: TestForm, script: Script): string {
  const groups = byHost(taking(form, script));
  const typed = completed(form.host);
  if (typed === "") {
    const one = needy(form, script);
    if (one !== null) return `${visible(one.name)} has no host of its own: its users cannot start without one.`;
    if (groups.length === 0) return "The start of every relative address.";
    return `Empty: ${groups.map(([host, names]) => `${names.map(visible).join(", ")} to ${visible(host)}`).join("; ")}.`;
  }
  const others = groups.filter(([host]) => host !== typed).flatMap(([, names]) => names);
  return others.length > 0 ? `In place of the ${others.length === 1 ? "host" : "hosts"} of ${others.map(visible).join(", ")}.` : "The start of every relative address.";
}

/** The one address that the load would go to; "": none, or several. */
export function target(form: TestForm, script: Script): string {
  const typed = completed(form.host);
  if (typed !== "") return isUrl(typed) ? typed : "";
  const groups = byHost(taking(form, script));
  return groups.length === 1 && isUrl(groups[0]![0]) ? groups[0]![0] : "";
}
