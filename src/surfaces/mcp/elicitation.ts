// Translates what a run waits for a person to decide into MCP's elicitation, and the person's answer back. Pure.
import type { ElicitResult } from '@modelcontextprotocol/sdk/types.js'
import type { ApprovalAnswer, ApprovalRequest } from '../../core/events.ts'
import type { Form } from './tool-call.ts'

type Properties = Form['requestedSchema']['properties']

type Question = { text: string; header: string; options: { label: string; description: string }[]; isMulti: boolean }

/** What is shown of an input, in characters. */
const shownMax = 8_000

/** Clients print it to terminals: without control characters, and without those that change the order of others. */
const printable = (text: string) => text.replaceAll(/[^\P{Cc}\n\t]|\p{Cf}/gu, '')

function shorten(text: string): string {
  return text.length <= shownMax ? text : `${text.slice(0, shownMax)}\n… and ${text.length - shownMax} more characters`
}

const shown = (text: string) => shorten(printable(text))

/** `hasLists`: whether the client's revision of MCP has answers that are lists. */
export function toForm(approval: ApprovalRequest, hasLists: boolean): Form {
  return approval.kind === 'question' ? questionForm(questionsOf(approval), hasLists) : permissionForm(approval)
}

function permissionForm({ toolName, input, description, blockedPath }: ApprovalRequest): Form {
  const command = typeof input.command === 'string' ? input.command : JSON.stringify(input, null, 1)
  const lines = [
    `Claude Code wants to use ${printable(toolName)}. Accept to allow it, decline to deny it.`,
    ...(description === null ? [] : [shown(description)]),
    ...(blockedPath === null ? [] : [`This is outside of the folders that it may use: ${shown(blockedPath)}`]),
    shown(command),
  ]
  return {
    message: lines.join('\n\n'),
    requestedSchema: {
      type: 'object',
      properties: {
        remember: {
          type: 'boolean',
          title: 'Allow this for the rest of the conversation',
          default: false,
        },
      },
    },
  }
}

const textIn = (value: unknown, name: string): string => {
  const found = (value as Record<string, unknown> | null)?.[name]
  return typeof found === 'string' ? found : ''
}

function questionsOf({ input }: ApprovalRequest): Question[] {
  const questions = Array.isArray(input.questions) ? (input.questions as unknown[]) : []
  return questions.map((each) => {
    const { options, multiSelect } = each as { options?: unknown; multiSelect?: unknown }
    return {
      text: textIn(each, 'question'),
      header: textIn(each, 'header'),
      isMulti: multiSelect === true,
      options: (Array.isArray(options) ? (options as unknown[]) : []).map((option) => ({
        label: textIn(option, 'label'),
        description: textIn(option, 'description'),
      })),
    }
  })
}

const choiceOf = (index: number) => `question_${index + 1}`
const wordsOf = (index: number) => `own_answer_${index + 1}`

function questionForm(questions: readonly Question[], hasLists: boolean): Form {
  const about = questions.map(({ text, options }) =>
    [
      text,
      ...options.map(({ label, description }) => `- ${label}${description === '' ? '' : `: ${description}`}`),
    ].join('\n'),
  )
  const properties: Properties = {}
  for (const [index, question] of questions.entries()) {
    const title = shown(question.header || question.text)
    if (question.options.length > 0)
      properties[choiceOf(index)] = choiceField(question, { title, description: shown(question.text) }, hasLists)
    properties[wordsOf(index)] = {
      type: 'string',
      title: `${title}: your own answer`,
      description: 'Instead of a choice.',
    }
  }
  return {
    message: shown(`Claude Code asks:\n\n${about.join('\n\n')}`),
    requestedSchema: { type: 'object', properties },
  }
}

function choiceField(
  { options, isMulti }: Question,
  names: { title: string; description: string },
  hasLists: boolean,
): Properties[string] {
  const labels = [...new Set(options.map(({ label }) => label))]
  if (!isMulti) return { type: 'string', ...names, enum: labels }
  if (hasLists) return { type: 'array', ...names, items: { type: 'string', enum: labels } }
  return { type: 'string', ...names, description: `Several of these, with commas: ${labels.join(', ')}` }
}

/** The person's answer. Closing the prompt without a decision allows nothing. */
export function toApprovalAnswer(approval: ApprovalRequest, { action, content = {} }: ElicitResult): ApprovalAnswer {
  if (action !== 'accept') {
    const message =
      action === 'decline' ? 'The user did not allow this.' : 'The user closed the prompt without a decision.'
    return { behavior: 'deny', message }
  }
  if (approval.kind === 'permission') {
    return { behavior: 'allow', updatedInput: null, remember: content.remember === true }
  }
  const answers = questionsOf(approval).map(({ text }, index) => {
    const value = content[wordsOf(index)] || content[choiceOf(index)]
    return [text, value === undefined ? '' : [value].flat().join(', ')] as const
  })
  if (answers.some(([, answer]) => answer === '')) {
    return { behavior: 'deny', message: 'The user did not answer every question.' }
  }
  const { questions } = approval.input
  return { behavior: 'allow', updatedInput: { questions, answers: Object.fromEntries(answers) }, remember: false }
}
