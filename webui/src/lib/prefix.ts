/* Grouping endpoints by the beginning of their path; the master groups by the same rule. */

/** The first `depth` parts of a path; what is left out is a star. */
export function prefixOf(name: string, depth: number): string {
  const path = name.replace(/^[a-z]+:\/\/[^/?#]*/i, "").split(/[?#]/)[0]!;
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length <= depth) return path === "" ? "/" : `/${parts.join("/")}`;
  return `/${parts.slice(0, depth).join("/")}/*`;
}
