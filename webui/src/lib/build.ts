/* Which of the two builds this is (vite.config.ts): what only a master's page can do is left out of a report file. */
export const IS_REPORT = import.meta.env.MODE === "report";
