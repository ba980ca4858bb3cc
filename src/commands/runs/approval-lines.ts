// What a run waits for, as lines for people: a permission with the input of the tool, or questions with their options. Pure.

import { ownCommand } from '../../platform/installation.ts'
import type { ChatEvent } from '../../surfaces/native/reply-schemas.ts'
import { literal, oneLine } from '../terminal-text.ts'
import { parseQuestions, type Question } from './questions.ts'

export type Permission = Extract<ChatEvent, { type: 'permission_request' }>
export type Approval = Permission | Extract<ChatEvent, { type: 'question' }>

export const isApproval = (event: ChatEvent): event is Approval =>
  event.type === 'permission_request' || event.type === 'question'

/** Longer ones are whole files. */
const valueLengthMax = 4000

/** The first line is the heading. */
export function permissionAsLines({ tool_name, input, description, blocked_path }: Permission): string[] {
  return [
    `Claude asks for permission to use ${oneLine(tool_name)}`,
    ...(description === null ? [] : [`  ${oneLine(description)}`]),
    ...(blocked_path === null ? [] : [`  outside of the allowed folders: ${oneLine(blocked_path)}`]),
    ...Object.entries(input).map(([name, value]) => `  ${oneLine(name)}: ${showValue(value)}`),
  ]
}

function showValue(value: unknown): string {
  const text = literal(typeof value === 'string' ? value : JSON.stringify(value)).replaceAll('\n', '\n    ')
  return text.length > valueLengthMax
    ? `${text.slice(0, valueLengthMax)}…\n    (the first ${valueLengthMax} of ${text.length} characters; ${ownCommand('runs show --json')} shows all)`
    : text
}

/** The first line is the question. */
export function questionAsLines({ text, options }: Question): string[] {
  const lines = options.map(({ label, description }, index) => {
    const about = description === '' ? '' : `: ${oneLine(description)}`
    return `  ${index + 1}  ${oneLine(label)}${about}`
  })
  return [oneLine(text), ...lines]
}

/** With the commands that answer it. */
export function approvalAsLines(approval: Approval, runId: string): string[] {
  const request = `--request ${approval.request_id}`
  if (approval.type === 'permission_request') {
    const commands = ['approve', 'deny'].map((word) => `  ${ownCommand(`runs ${word}`)} ${runId} ${request}`)
    return [...permissionAsLines(approval), ...commands]
  }
  const questions = parseQuestions(approval.questions)
  const answers = questions.length === 1 ? ['<answer>'] : questions.map((_, index) => `<answer ${index + 1}>`)
  return [
    ...questions.flatMap(questionAsLines),
    `  ${ownCommand('runs answer')} ${runId} ${answers.join(' ')} ${request}`,
  ]
}
