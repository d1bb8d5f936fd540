/* Which of the two builds this is (vite.config.ts): what only a master's page can do is left out of a report file. */
export const IS_REPORT = import.meta.env.MODE === "report";
/** The stored run that this page shows (`?stored=ID`) instead of the one of its master; "": none. */
export const STORED = IS_REPORT ? "" : new URLSearchParams(globalThis.location?.search).get("stored") ?? "";
/** Where the run that is shown is asked for. */
export const API = STORED === "" ? "api/v1/" : `api/v1/runs/${encodeURIComponent(STORED)}/`;
/** Whether there is anybody who could change what is shown. */
export const CAN_COMMAND = !IS_REPORT && STORED === "";
/** This page on the run of its master. */
export const OWN_PAGE = "./";
