/* What a failure means in plain words, from the text that the client, Python or the script gave it. Pure.
 * A text that no rule knows stands for itself. */
import { durationWords } from "../../lib/format";

const REASONS: Record<number, string> = {
  400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable", 408: "Request Timeout",
  409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large", 414: "URI Too Long", 415: "Unsupported Media Type",
  418: "I'm a Teapot", 422: "Unprocessable Content", 423: "Locked", 424: "Failed Dependency", 425: "Too Early", 426: "Upgrade Required", 428: "Precondition Required",
  429: "Too Many Requests", 431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons", 499: "Client Closed Request", 500: "Internal Server Error",
  501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported", 507: "Insufficient Storage", 511: "Network Authentication Required",
};

const status = (code: string): string => `${code} ${REASONS[Number(code)] ?? (Number(code) >= 500 ? "server error" : "client error")}`.trim();

/** "(read timeout=3)", "timed out after 30.5 s", "timeout=3.0": how long it waited. */
function timeout(text: string): string {
  const seconds = /time(?:d )?out(?:=| after |: )\s*\(?([0-9]+(?:\.[0-9]+)?)/i.exec(text)?.[1];
  return seconds === undefined ? "Timeout" : `Timeout after ${durationWords(1000 * Number(seconds))}`;
}

const RULES: readonly [RegExp, string | ((found: RegExpExecArray, text: string) => string)][] = [
  [/(?:BadStatusCode\(|HTTPError\(['"]|\b(?:HTTP|status(?: code)?)[ =:])[^0-9]{0,8}([1-5]\d\d)\b/i, (found) => status(found[1]!)],
  [/^['"]?([45]\d\d)(?: (?:Client|Server) Error)?\b/, (found) => status(found[1]!)],
  [/connection ?refused|ECONNREFUSED|Errno 111|actively refused/i, "Connection refused"],
  [/connection ?reset|ECONNRESET|Errno 104/i, "Connection reset by the server"],
  [/remote ?(?:end )?(?:disconnected|closed)|closed connection without|connection (?:was )?closed|broken ?pipe|EPIPE|Errno 32/i, "Connection closed by the server before the answer"],
  [/IncompleteRead|incomplete (?:read|body|chunk)|ContentDecodingError|ChunkedEncodingError/i, "The answer broke off"],
  [/gaierror|name or service not known|name resolution|nodename nor servname|NameResolutionError|getaddrinfo/i, "Unknown host name"],
  [/certificate.?verify|self.signed|hostname mismatch|CERTIFICATE/i, "TLS certificate not accepted"],
  [/SSLError|SSL:|TLS|ssl\./, "TLS handshake failed"],
  [/no route to host|EHOSTUNREACH|Errno 113/i, "No route to the host"],
  [/network is unreachable|ENETUNREACH|Errno 101/i, "Network unreachable"],
  [/too many open files|EMFILE|Errno 24/i, "Too many open files on the load generator"],
  [/cannot assign requested address|EADDRNOTAVAIL|Errno 99/i, "No free local port on the load generator"],
  [/TooManyRedirects|too many redirects|exceeded \d+ redirects|RedirectLimit/i, "Too many redirects"],
  [/connect ?timeout|connection to .* timed out/i, (_, text) => `Connect: ${timeout(text).replace("Timeout", "timeout")}`],
  [/time(?:d )?out\b|ETIMEDOUT|Errno 110|ReadTimeout/i, (_, text) => timeout(text)],
];

/** Of Python's repr of an exception what it says: ValueError('no such order') is "ValueError: no such order". */
function unquoted(text: string): string {
  const found = /^([A-Za-z_][\w.]*)\((['"])([\s\S]*)\2,?\)$/.exec(text);
  if (found === null) return text;
  const [, name = "", , words = ""] = found;
  const said = words.replace(/\\(['"\\])/g, "$1").replace(/\\n/g, " ");
  return /^(?:Exception|CatchResponseError)$/.test(name) ? said : said === "" ? name : `${name}: ${said}`;
}

const KNOWN_MOST = 5000; // twice what a master tells of
const known = new Map<string, string>();

/** The same few thousand texts come with every answer: each is read once. */
export function causeOf(text: string): string {
  let cause = known.get(text);
  if (cause === undefined) {
    if (known.size >= KNOWN_MOST) known.clear();
    known.set(text, (cause = read(text)));
  }
  return cause;
}

function read(text: string): string {
  if (text === "(other failures)") return "Other failures";
  for (const [pattern, words] of RULES) {
    const found = pattern.exec(text);
    if (found !== null) return typeof words === "string" ? words : words(found, text);
  }
  return unquoted(text) || "No reason given";
}
