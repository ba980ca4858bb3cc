// Findings for people: one line each as it is found, with the fix below it. Not for scripts, which get the findings themselves.
import { clearLine, cursorTo } from 'node:readline'
import { styleText } from 'node:util'
import { maskSecrets } from '../../platform/redact.ts'
import type { Finding, State } from './finding.ts'

type Style = Parameters<typeof styleText>[0]

const marks: Record<State, { mark: string; style: Style }> = {
  ok: { mark: '✓', style: 'green' },
  warning: { mark: '!', style: 'yellow' },
  problem: { mark: '✗', style: 'red' },
}

/** A path or an answer must not control a terminal. */
export const cleaned = (text: string): string => maskSecrets(text).replace(/\s+/g, ' ').replace(/\p{C}/gu, '?').trim()

export function asLines({ check, state, message, fix }: Finding, width: number): string[] {
  const { mark, style } = marks[state]
  const line = `${styleText(style, mark)} ${check.replaceAll('-', ' ').padEnd(width)}  ${cleaned(message)}`
  return fix === null ? [line] : [line, `${' '.repeat(width + 4)}${styleText('cyan', `→ ${cleaned(fix)}`)}`]
}

const plural = (count: number, word: string) => `${count === 0 ? 'no' : count} ${word}${count === 1 ? '' : 's'}`

export function asSummary(findings: readonly Finding[]): string {
  const count = (state: State) => findings.filter((finding) => finding.state === state).length
  return `${plural(count('problem'), 'problem')}, ${plural(count('warning'), 'warning')}`
}

/** Shows which check is running, on a terminal only; `end` erases it. */
export function startWaiting(stream: NodeJS.WriteStream) {
  const isShown = stream.isTTY === true
  const end = () => {
    if (!isShown) return
    clearLine(stream, 0)
    cursorTo(stream, 0)
  }
  return {
    show(text: string) {
      end()
      if (isShown) stream.write(styleText('dim', `${text} …`, { stream }))
    },
    end,
  }
}
