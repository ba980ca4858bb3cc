// Reports what happened to a client's settings file, and which settings changed. Pure.
import { maskSecrets } from '../../platform/redact.ts'
import { cut } from '../table.ts'
import { oneLine } from '../terminal-text.ts'
import { asText, type Block } from './instructions.ts'
import { type Change, showPath } from './merge.ts'

type Facts = {
  path: string
  status: 'created' | 'changed' | 'unchanged' | 'left'
  /** Why the file was left unchanged. */
  reason: string | null
  backup: string | null
}

/** `shown` is the path as displayed. */
export type FileReport = { shown: string; changes: readonly Change[]; facts: Facts }

const lineWidth = 110

export function reportFile({ shown, changes, facts }: FileReport, block: Block): string {
  const { status, reason, backup } = facts
  if (status === 'left') return `${shown} was left unchanged: ${reason}. It needs these settings:\n\n${asText([block])}`
  if (status === 'unchanged') return `${shown} is already up to date`
  const title = status === 'created' ? `created ${shown}:` : `changed ${shown}:`
  const copy = backup === null ? [] : [`  the old file is saved beside it as ${nameOf(backup)}`]
  return [title, ...changes.map(formatChange), ...copy].join('\n')
}

const nameOf = (path: string) => path.replace(/^.*[/\\]/, '')

function formatChange({ path, before, after }: Change): string {
  const where = path.length === 0 ? '' : `${showPath(path)}: `
  const text =
    before === undefined
      ? `  + ${where}${JSON.stringify(after)}`
      : `  ~ ${where}${JSON.stringify(before)} becomes ${JSON.stringify(after)}`
  return `  ${cut(oneLine(maskSecrets(text)), lineWidth)}`
}
