/* A modal dialog: the browser's own, so focus stays inside and Escape closes it. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { openDialog } from "../app-state";
import { Icon } from "./icons";

export function close(): void {
  openDialog.value = null;
}

export function Dialog(props: { title: string; children: ComponentChildren }): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => {
    const dialog = box.current!;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    <dialog
      ref={box}
      aria-labelledby={title}
      onCancel={close}
      onClose={close}
      onMouseDown={(event) => event.target === box.current && close()}
    >
      <div class="dialog-box">
        <header class="dialog-head">
          <h2 id={title}>{props.title}</h2>
          <button type="button" class="button quiet icon-only" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}
