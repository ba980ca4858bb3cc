// Masks whatever looks like a secret in text that is about to be written or shown: logs, error messages, stderr tails.
// It is the last safety net, not the policy: known secrets must not be passed to a log in the first place.
// Every pattern runs in linear time, and a masked JSON line is still JSON.

const masked = '***'

// A token starts here: not inside a word, but also right after an escape of JSON, of a URL or of a terminal color.
const start = String.raw`(?<=^|[^A-Za-z0-9]|\\[nrtbf]|\\u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2}|\[[0-9;]{0,16}m)`
const secretNames = '(?:x-api-key|api[-_]?key|proxy-authorization|authorization)'
const scheme = String.raw`(?:(?:bearer|basic)\s+)?`
// What a hint shows in the place of a secret: <key>, or three dots.
const unlessShown = String.raw`(?!(?:(?:bearer|basic)\s+)?(?:<[a-z][a-z _-]{0,30}>|…)(?:["'\\\s,;&@}\])]|$))`

const rules: readonly [pattern: RegExp, replacement: string][] = [
  [/-----BEGIN [A-Z0-9 ]{1,64}-----[\s\S]{0,16384}?-----END [A-Z0-9 ]{1,64}-----/g, `-----PEM ${masked}-----`],
  // The end can be missing if the text was cut.
  [/-----BEGIN [A-Z0-9 ]{1,64}-----(?:[A-Za-z0-9+/=\s]|\\[nr])*/g, `-----PEM ${masked}-----`],
  // "x-api-key": "…", and the same as two neighbors in a list of raw headers; with or without JSON escapes.
  [
    new RegExp(String.raw`(${secretNames}\\*["']\s*[:=,]\s*(?:\[\s*)?\\*["']${scheme})${unlessShown}[^"'\\]+`, 'gi'),
    `$1${masked}`,
  ],
  // x-api-key: …
  [
    new RegExp(
      String.raw`(${secretNames}\s*[:=]\s*${scheme})${unlessShown}(?!(?:bearer|basic)\s)[^\s"'\\,;}\])]+`,
      'gi',
    ),
    `$1${masked}`,
  ],
  // ANTHROPIC_AUTH_TOKEN=… and "ANTHROPIC_AUTH_TOKEN": "…"
  [new RegExp(String.raw`((?:_|\b)(?:TOKEN|SECRET|PASSWORD|KEY)=)${unlessShown}[^\s"'\\,;&]+`, 'g'), `$1${masked}`],
  [
    new RegExp(String.raw`((?:_|\b)(?:TOKEN|SECRET|PASSWORD|KEY)\\*["']\s*:\s*\\*["'])${unlessShown}[^"'\\]+`, 'g'),
    `$1${masked}`,
  ],
  [
    new RegExp(
      String.raw`([?&](?:token|key|api_key|access_token|refresh_token|secret)=)${unlessShown}[^&\s"'#\\]+`,
      'gi',
    ),
    `$1${masked}`,
  ],
  [/(bearer(?:\s|%20|\\[nrt])+)[A-Za-z0-9._~+/=-]+/gi, `$1${masked}`],
  // Our own keys. The shorter prefix that lists show is not masked.
  [/csk_[A-Za-z0-9_-]{16,}/g, `csk_${masked}`],
  [/sk-ant-[A-Za-z0-9_-]+/g, `sk-ant-${masked}`],
  [new RegExp(`${start}sk-(?!ant-)[A-Za-z0-9_-]{8,}`, 'g'), `sk-${masked}`],
  [new RegExp(String.raw`${start}eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*){0,4}`, 'g'), masked],
  [new RegExp(`${start}(AKIA|ASIA)[A-Z0-9]{12,}`, 'g'), `$1${masked}`],
  [new RegExp(`${start}(gh[pousr]_|github_pat_|AIza)[A-Za-z0-9_-]{16,}`, 'g'), `$1${masked}`],
  // postgres://user:password@host
  [new RegExp(String.raw`(:\/\/[^\s:@/"'\\]{0,256}:)${unlessShown}[^\s@/"'\\]{1,1024}(?=@)`, 'g'), `$1${masked}`],
]

export function maskSecrets(text: string): string {
  let result = text
  for (const [pattern, replacement] of rules) result = result.replace(pattern, replacement)
  return result
}

const secretVariable = /(?:KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)$/i
// Shorter values ("1", "none", "true") are not secrets, and masking them would damage the surrounding text.
const secretLengthMin = 8

/** The secrets in an environment, each as it is and as it reads inside a JSON string, the longest first. */
export function secretValues(environment: Record<string, string | undefined>): string[] {
  return Object.entries(environment)
    .filter(([name]) => secretVariable.test(name))
    .flatMap(([, value]) => (value === undefined || value.length < secretLengthMin ? [] : [value]))
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1)])
    .sort((one, other) => other.length - one.length)
}

export function maskValues(text: string, values: readonly string[]): string {
  return values.reduce((result, value) => result.replaceAll(value, masked), text)
}
