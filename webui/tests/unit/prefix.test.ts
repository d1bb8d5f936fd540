import { describe, expect, it } from "vitest";
import { prefixOf } from "../../src/lib/prefix";

/* The same cases as tests/unit/master/web/test_groups.c: page and master group alike. */
describe("prefixOf", () => {
  it.each([
    ["/shop/cart/3", 1, "/shop/*"],
    ["/shop/cart/3", 2, "/shop/cart/*"],
    ["/shop/cart/3", 3, "/shop/cart/3"],
    ["/shop//cart/", 2, "/shop/cart"],
    ["/shop?page=1/2", 1, "/shop"],
    ["/shop/cart#a/b", 1, "/shop/*"],
    ["HTTPS://shop.test:8080/a/b", 1, "/a/*"],
    ["http://shop.test?x=/a", 1, "/"],
    ["checkout", 1, "/checkout"],
    ["mailto:a/b", 1, "/mailto:a/*"],
    ["/", 1, "/"],
    ["", 1, "/"],
    ["?only", 1, "/"],
  ])("%s at %d", (name, depth, prefix) => expect(prefixOf(name, depth)).toBe(prefix));
});
