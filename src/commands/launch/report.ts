// Tells what became of a client's settings file, and what was changed in it. Pure.
import { maskSecrets } from '../../platform/redact.ts'
import { cut, oneLine } from '../terminal-text.ts'
import { asText, type Block } from './instructions.ts'
import { type Change, showPath } from './merge.ts'

type Facts = {
  path: string
  status: 'created' | 'changed' | 'unchanged' | 'left'
  /** Why it was left as it is. */
  reason: string | null
  backup: string | null
}

/** `shown` is the path for people. */
export type FileReport = { shown: string; changes: readonly Change[]; facts: Facts }

const lineWidth = 110

export function reportFile({ shown, changes, facts }: FileReport, block: Block): string {
  const { status, reason, backup } = facts
  if (status === 'left') return `${shown} is left as it is: ${reason}. What it needs:\n\n${asText([block])}`
  if (status === 'unchanged') return `${shown} holds it all already`
  const title = status === 'created' ? `wrote ${shown}, which is new:` : `changed ${shown}:`
  const copy = backup === null ? [] : [`  its old content is in ${nameOf(backup)} beside it`]
  return [title, ...changes.map(tellChange), ...copy].join('\n')
}

const nameOf = (path: string) => path.replace(/^.*[/\\]/, '')

function tellChange({ path, before, after }: Change): string {
  const where = path.length === 0 ? '' : `${showPath(path)}: `
  const text =
    before === undefined
      ? `  + ${where}${JSON.stringify(after)}`
      : `  ~ ${where}${JSON.stringify(before)} becomes ${JSON.stringify(after)}`
  return `  ${cut(oneLine(maskSecrets(text)), lineWidth)}`
}
