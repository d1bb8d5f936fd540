/* A modal dialog: the browser's own, so focus stays inside and Escape closes it. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { openDialog } from "../app-state";
import { Icon } from "./icons";

export function close(): void {
  openDialog.value = null;
}

export function Dialog({ title, children, onClose: leave = close }: { title: string; children: ComponentChildren; onClose?: () => void }): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = box.current!;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    <dialog
      ref={box}
      aria-labelledby={id}
      onCancel={leave}
      onClose={leave}
      onMouseDown={(event) => event.target === box.current && leave()}
    >
      <div class="dialog-box">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <button type="button" class="button quiet icon-only" aria-label="Close" onClick={leave}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
