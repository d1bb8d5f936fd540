import { describe, expect, it } from "vitest";
import { parseFilter } from "../../src/lib/filter";

const row = (method: string, name: string, numbers: Record<string, number> = {}) => ({
  method, name, number: (field: string) => numbers[field],
});
const cart = row("POST", "/cart/items", { p95: 320, failed: 1.5 });

describe("the filter", () => {
  it.each([
    ["", true], ["cart", true], ["CART items", true], ["cart login", false], ["post", true], ["method:post", true],
    ["method:get", false], ["p95>300", true], ["p95>=320", true], ["p95<320", false], ["failed>1%", true],
    ["cart p95>400", false], ["/^\\/cart/", true], ["/cart", true], ["/items$/", true], ["/^x/", false],
  ])("“%s” gives %s", (text, isShown) => expect(parseFilter(text).test(cart)).toBe(isShown));

  it("says what it does not understand", () => {
    expect(parseFilter("speed>3").problem).toContain("speed");
    expect(parseFilter("/(/").problem).toContain("regular expression");
    expect(parseFilter("p95>300").problem).toBe("");
  });
  it("hides a row whose number is unknown", () => {
    expect(parseFilter("p95<1000").test(row("GET", "/", { p95: NaN }))).toBe(false);
  });
});
