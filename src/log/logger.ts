// The server's log: pino to stderr, for people or for machines, with secrets masked in every line as the last step.
// Not for what a command prints as its result; that goes to stdout.

import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino'
import { prettyFactory } from 'pino-pretty'
import type { Config } from '../config/options.ts'
import { maskSecrets, maskValues, secretValues } from '../platform/redact.ts'

export function createLogger(
  config: Pick<Config, 'logLevel' | 'logFormat'>,
  environment: Record<string, string | undefined>,
  sink: DestinationStream & { isTTY?: boolean } = process.stderr,
  file: { write(line: string): void } | null = null,
): Logger {
  const secrets = secretValues(environment)
  const mask = (line: string) => maskSecrets(maskValues(line, secrets))
  const format = config.logFormat === 'pretty' ? prettyLine(sink.isTTY === true && !environment.NO_COLOR) : null
  // Synchronous and in this thread: the line written just before a crash is the one that matters.
  const write = (line: string) => {
    const safe = mask(line)
    file?.write(safe)
    // Colors can split what the patterns look for, so a pretty line is masked both before and after formatting.
    sink.write(format === null ? safe : mask(format(safe)))
  }
  return pino({ level: config.logLevel, base: null, timestamp: stdTimeFunctions.isoTime, formatters }, { write })
}

const formatters = { level: (label: string) => ({ level: label }) }

function prettyLine(colorize: boolean): (line: string) => string {
  const format = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss.l' })
  return (line) => format(showControlCharacters(line))
}

/** Pretty text goes to a terminal, which would execute an escape sequence from a request. Line breaks stay. */
function showControlCharacters(jsonLine: string): string {
  return jsonLine
    .replace(/(?<!\\)((?:\\\\)*)\\u00([01][0-9a-f])/g, String.raw`$1\\x$2`)
    .replace(/[\u007f-\u009f]/g, (character) => String.raw`\\x${character.charCodeAt(0).toString(16)}`)
}
