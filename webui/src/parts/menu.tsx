/* A button with a list of actions, moved through by arrow keys and closed by Escape or a click elsewhere. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icons";

export interface MenuItem {
  icon: IconName;
  label: string;
  act: () => void;
  isApart?: boolean; // a line above it: nobody is to hit it by mistake
  isDisabled?: boolean;
}

export function Menu({ label, items, isSmall, note }: { label: string; items: MenuItem[]; isSmall?: boolean; // beside a title
  note?: string }): JSX.Element {
  const isOpen = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen.value) return;
    box.current?.querySelector<HTMLButtonElement>("[role=menuitem]:enabled")?.focus();
    const outside = (event: Event): void => {
      if (!box.current?.contains(event.target as Node)) isOpen.value = false;
    };
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [isOpen.value]);
  function keys(event: KeyboardEvent): void {
    if (!isOpen.value) return;
    const all = [...box.current!.querySelectorAll<HTMLButtonElement>("[role=menuitem]:enabled")];
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    if (event.key === "ArrowDown") all[(at + 1) % all.length]?.focus();
    else if (event.key === "ArrowUp") all[(at - 1 + all.length) % all.length]?.focus();
    else if (event.key === "Escape") {
      isOpen.value = false;
      box.current!.querySelector("button")?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
  return (
    <div class="menu" ref={box} onKeyDown={keys}>
      <button type="button" class={`button icon-only${isSmall ? " quiet small" : ""}`} aria-label={label} aria-haspopup="menu" aria-expanded={isOpen.value}
        onClick={() => (isOpen.value = !isOpen.value)}>
        <Icon name="more" />
      </button>
      {isOpen.value ? (
        <div class="menu-list" role="menu" aria-label={label}>
          {note ? <p class="menu-note">{note}</p> : null}
          {items.map((item) => (
            <button type="button" role="menuitem" key={item.label} class={item.isApart ? "apart" : ""} disabled={item.isDisabled ?? false} onClick={() => { isOpen.value = false; item.act(); }}>
              <Icon name={item.icon} />{item.label}
            </button>
          ))}
        </div>
      ) : null}
    </div>
  );
}
