/* Is the measurement to be trusted? In words, with the reason. */
import type { JSX } from "preact";
import { CAN_COMMAND } from "../../lib/build";
import { store } from "../../app-state";
import { count, shortId } from "../../lib/format";
import { isSettled } from "../../live/health";
import { isConnected } from "../../live/store";
import { CopyButton } from "../../parts/copy";
import { InvalidWords, invalidNow } from "../../parts/saturation";
import { Status } from "../../parts/status";
import { span } from "../../range/state";
import { rangeWords } from "../../range/words";
import { timeText } from "../../range/time";
import { trails } from "./trails";

export function HowToStart(): JSX.Element {
  const command = `katydid --worker --master-host ${location.hostname}`;
  return <p class="how-to">Start one with <code>{command}</code> <CopyButton text={command} label="Copy" /></p>;
}

function AllGone(): JSX.Element {
  const seen = Math.max(...store.workers.value.map((worker) => trails.of(worker.id).seen));
  return (
    <div class="callout fail" role="alert">
      <p><Status tone="fail">{`All workers are gone${seen > 0 ? ` since ${timeText(seen)}` : ""}.`}</Status>{" "}
        Nothing generates load: what this test shows from then on is not valid.</p>
      <HowToStart />
    </div>
  );
}

/** How far the busiest and the idlest worker are from the mean, in percent. */
function unevenness(users: readonly number[]): number | null {
  const mean = users.reduce((sum, one) => sum + one, 0) / users.length;
  return users.length < 2 || !(mean > 0) ? null : Math.max(...users.map((one) => (100 * Math.abs(one - mean)) / mean));
}

export function Verdict(): JSX.Element | null {
  const workers = store.workers.value;
  const connected = workers.filter(isConnected);
  const missing = workers.length - connected.length;
  const isDistributed = store.run.value?.distributed ?? false;
  const { from, to } = span.value;
  if (CAN_COMMAND && isDistributed && missing > 0 && connected.length === 0) return <AllGone />;
  const isLimited = invalidNow().length > 0;
  const uneven = unevenness(connected.map((worker) => worker.users));
  return (
    <>
      {missing > 0 && CAN_COMMAND ? (
        <p class="callout fail"><Status tone="fail">{`${count(missing)} ${missing === 1 ? "worker is" : "workers are"} gone.`}</Status>{" "}
          {workers.filter((worker) => !isConnected(worker)).slice(0, 5).map((worker) => shortId(worker.id)).join(", ")}: no load comes from there; the users were given to the others.</p>
      ) : null}
      {isLimited ? <p class="callout warn"><InvalidWords /></p> : null}
      {!isLimited && missing === 0 && store.hasRun.value && isSettled(from, to) ? (
        <p class="callout good"><Status tone="pass">{`The measurement is valid ${rangeWords()}.`}</Status>{" "}
          No load generator was at its limit.{uneven !== null && CAN_COMMAND ? ` The users are even within ${uneven < 1 ? "1" : uneven.toFixed(0)} %.` : ""}</p>
      ) : null}
    </>
  );
}
