import { describe, expect, it } from "vitest";
import { parseFilter, suggest } from "../../src/lib/filter";

const row = (method: string, name: string, numbers: Record<string, number> = {}) => ({
  method, name, number: (field: string) => numbers[field],
});
const cart = row("POST", "/cart/items", { p95: 320, failed: 1.5, failures: 3, s5: 3, s4: 0, s0: 2, share: 12, size: 2500, failRps: 0.2 });

describe("the filter", () => {
  it.each([
    ["", true], ["cart", true], ["CART items", true], ["cart login", false], ["post", true], ["method:post", true],
    ["method:get", false], ["p95>300", true], ["p95>=320", true], ["p95<320", false], ["failed>1%", true],
    ["cart p95>400", false], ["p95 > 300", true], ["p95>300ms", true], ["p95 > 0.3 s", true], ["p95>0.4s", false], ["P95 >= 1,000 ms", false],
    ["-login", true], ["!login", true], ["-cart", false], ["-p95>300", false], ["name:cart", true], ["name:login", false], ["cart|json", true], ["login|json", false],
    ["login | cart", true], ["method:get|post", true], ["method:get|put", false], ["status:500", true], ["status:5xx", true], ["status:404", false],
    ["No answer > 1", true], ["No answer>5 cart", false], ["5xx > 2", true], ["Fails/s < 1", true], ["Time % > 10", true], ["Failed > 2", true], ["Failed > 5", false],
    ["Failed % > 1", true], ["failed > 2 %", false], ["size > 2 kB", true], ["p95>300 failed>1% cart", true], ["\"cart/items\"", true], ["/^\\/cart/", true], ["/cart", true], ["/items$/", true], ["/^x/", false],
  ])("“%s” gives %s", (text, isShown) => expect(parseFilter(text).test(cart)).toBe(isShown));

  it("says what it does not understand", () => {
    expect(parseFilter("speed>3").problem).toContain("speed");
    expect(parseFilter("/(/").problem).toContain("regular expression");
    expect(parseFilter("p95>300").problem).toBe("");
    expect(parseFilter("speed>3").problem).not.toContain("failRps");
    expect(parseFilter("p95>").problem).toContain("number");
    expect(parseFilter("p95>5 kB").problem).toBe("p95 is not in kB");
    expect(parseFilter("host:a").problem).toContain("name:, method:");
    expect(parseFilter("status:abc").problem).toContain("4xx");
  });
  it("suggests headings and keys while somebody types", () => {
    expect(suggest("cart p9").map(({ label }) => label)).toEqual(["p90 >", "p95 >", "p99 >", "p99.9 >"]);
    expect(suggest("cart p9")[1]!.text).toBe("cart p95 > ");
    expect(suggest("no").map(({ label }) => label)).toContain("No answer >");
    expect(suggest("me")[0]!.text).toBe("method:");
    expect(suggest("p95>3")).toEqual([]);
    expect(suggest("")).toEqual([]);
  });
  it("hides a row whose number is unknown", () => {
    expect(parseFilter("p95<1000").test(row("GET", "/", { p95: NaN }))).toBe(false);
  });
});
