/* The screens: a rail at the side, on narrow pages a bar at the bottom. */
import type { JSX } from "preact";
import { store } from "../app-state";
import { badgeCount, count } from "../lib/format";
import { linkTo, route, type Screen } from "../lib/route";
import { Icon } from "../parts/icons";
import { nav } from "./screens";
import { unseenErrors } from "./unseen";

function Badge({ screen }: { screen: Screen }): JSX.Element | null {
  if (screen === "failures") {
    const all = store.failures.value[1] + store.exceptions.value[1];
    return all > 0 ? <span class="badge fail" aria-label={`${count(all)} failures and exceptions`}>{badgeCount(all)}</span> : null;
  }
  if (screen === "verdict" && store.thresholds.value > 0) {
    const [all, broken] = [store.thresholds.value, store.brokenThresholds.value];
    if (broken > 0) return <span class="badge fail" aria-label={`${broken} of ${all} thresholds broken`}>{badgeCount(broken)}</span>;
    return <span class="badge" aria-label={`${all} ${all === 1 ? "threshold" : "thresholds"}, none broken`}>{badgeCount(all)}</span>;
  }
  if (screen === "logs" && unseenErrors.value > 0)
    return <span class="badge fail" aria-label={`${count(unseenErrors.value)} new errors`}>{badgeCount(unseenErrors.value)}</span>;
  if (screen === "workers" && store.run.value?.distributed) {
    const missing = store.workers.value.length - store.connectedWorkers.value;
    return missing > 0 ? <span class="badge fail" aria-label={`${missing} gone`}>{missing}</span> : <span class="badge">{store.connectedWorkers.value}</span>;
  }
  return null;
}

export function Rail(): JSX.Element {
  return (
    <nav class="nav" aria-label="Screens">
      {nav.value.map(([screen, label]) => (
        <a key={screen} href={linkTo(screen)} aria-current={route.value.screen === screen ? "page" : undefined} title={label}>
          <Icon name={screen} />
          <span class="nav-label">{label}</span>
          <Badge screen={screen} />
        </a>
      ))}
    </nav>
  );
}
