import { describe, expect, it } from "vitest";
import { formatRoute, parseRoute } from "../../src/lib/route";

describe("the address", () => {
  it("comes back as it was", () => {
    const route = { screen: "endpoints" as const, query: { filter: "p95>300 /a&b/", sort: "-p95" } };
    expect(parseRoute(formatRoute(route))).toEqual(route);
  });
  it("leads to Live when it makes no sense", () => {
    expect(parseRoute("").screen).toBe("live");
    expect(parseRoute("#/admin?x=1").screen).toBe("live");
  });
  it("leaves out what is empty", () => {
    expect(formatRoute({ screen: "endpoints", query: { filter: "" } })).toBe("#/endpoints");
  });
});
