/* What a component shows at a moment, without a browser: as much of a document as Preact asks for. Effects do
 * not run: there is nothing to measure or to paint on. */
import { options, render, type ComponentChild } from "preact";
import { vi } from "vitest";

class Node {
  childNodes: Node[] = [];
  parentNode: Node | null = null;
  attributes: { name: string; value: string }[] = [];
  listeners: Record<string, ((event: object) => void) | undefined> = {};
  style = {};
  namespaceURI = "http://www.w3.org/1999/xhtml";

  constructor(readonly localName: string, public data = "") {}

  get nodeType(): number {
    return this.localName === "#text" ? 3 : 1;
  }
  get firstChild(): Node | null {
    return this.childNodes[0] ?? null;
  }
  get nextSibling(): Node | null {
    const all = this.parentNode?.childNodes ?? [];
    return all[all.indexOf(this) + 1] ?? null;
  }
  get textContent(): string {
    return this.nodeType === 3 ? this.data : this.childNodes.map((child) => child.textContent).join("");
  }
  insertBefore(child: Node, before: Node | null): void {
    child.parentNode?.removeChild(child);
    this.childNodes.splice(before === null ? this.childNodes.length : this.childNodes.indexOf(before), 0, child);
    child.parentNode = this;
  }
  removeChild(child: Node): void {
    this.childNodes = this.childNodes.filter((other) => other !== child);
    child.parentNode = null;
  }
  remove(): void {
    this.parentNode?.removeChild(this);
  }
  setAttribute(name: string, value: string): void {
    this.removeAttribute(name);
    this.attributes.push({ name, value: String(value) });
  }
  removeAttribute(name: string): void {
    this.attributes = this.attributes.filter((one) => one.name !== name);
  }
  addEventListener(type: string, listener: (event: object) => void): void {
    this.listeners[type] = listener;
  }
  removeEventListener(type: string): void {
    this.listeners[type] = undefined;
  }
}

export interface Shown {
  text: () => string;
  /** Texts of the elements of a tag or, with a dot in front, of a class. */
  all: (selector: string) => string[];
  click: (label: string) => void;
}

/** Before the page's own files are imported: they look at the document when they are. */
export function fakeDocument(): void {
  const make = (_: unknown, name: string): Node => new Node(name);
  vi.stubGlobal("document", {
    createElementNS: make, createElement: (name: string) => new Node(name), createTextNode: (data: string) => new Node("#text", data), getElementById: () => null, baseURI: "http://127.0.0.1/",
  });
}

/** On the page until the answer is called: what changes meanwhile is drawn at once. */
export function mounted(component: ComponentChild): () => void {
  const root = new Node("div") as unknown as Element;
  options.requestAnimationFrame = () => undefined;
  options.debounceRendering = (draw) => draw();
  render(component, root);
  return () => render(null, root);
}

export function shown(component: ComponentChild): Shown {
  const [root, kept] = [new Node("div"), new Node("div")];
  options.requestAnimationFrame = () => undefined; // that effects wait for
  render(component, root as unknown as Element);
  kept.childNodes = [...root.childNodes];
  render(null, root as unknown as Element); // what changes afterwards is no part of this picture
  const walk = (node: Node): Node[] => [node, ...node.childNodes.flatMap(walk)];
  const value = (node: Node, name: string): string => node.attributes.find((one) => one.name === name)?.value ?? "";
  const is = (node: Node, selector: string): boolean => (selector.startsWith(".") ? value(node, "class").split(" ").includes(selector.slice(1)) : node.localName === selector);
  return {
    text: () => kept.textContent,
    all: (selector) => walk(kept).filter((node) => is(node, selector)).map((node) => node.textContent),
    click: (label) => {
      const button = walk(kept).find((node) => node.localName === "button" && (value(node, "aria-label") === label || node.textContent === label));
      const listener = button === undefined ? undefined : Object.entries(button.listeners).find(([type]) => type.toLowerCase() === "click")?.[1];
      if (listener === undefined) throw new Error(`no button “${label}” in: ${kept.textContent}`);
      listener.call(button, { type: "click" });
    },
  };
}
