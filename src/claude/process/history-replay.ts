// Gives a process the earlier messages of a conversation, which a request brings along or this program has written down, so that the next
// request to the model is the one that it would have been in the process that led the conversation: its prompt cache holds. Not for
// conversations that the CLI itself has written, and reads.
import type { SDKMessage, SDKUserMessage } from '@anthropic-ai/claude-agent-sdk'
import type { ConversationMessage } from '../../core/conversation.ts'
import { fieldsOf } from '../../platform/json.ts'
import { AbilityFailed } from '../cli/abilities.ts'
import { plainEnvironment } from '../cli/plain-mode-options.ts'
import type { Control } from './control.ts'
import type { LoadedConversation } from './loaded-conversation.ts'
import type { MessageQueue } from './message-queue.ts'
import type { ApprovalNote } from './permission-prompts.ts'
import { toHistoryAnswer, toHistoryPrompt, toPrompt } from './user-message.ts'
import type { UsingAbility } from './using-ability.ts'

/** How long the CLI may take to record one past message, in milliseconds; 27 were measured. */
const replayMs = 10_000

type PastPrompt = ConversationMessage & { role: 'user' }

export type ReplayContext = {
  control: Control
  using: UsingAbility
  /** What the process reads, and what it emits. */
  input: MessageQueue<SDKUserMessage>
  messages: MessageQueue<SDKMessage | ApprovalNote>
  /** The full id of the model that answers next. */
  model: string
  /** Whether the first message of the user is opened; see `openConversation`. */
  opens: boolean
  /** Whether it is a process of a plain model, whose settings are known. */
  plain: boolean
}

/**
 * Each message of the user is a turn that needs no answer, with the model's messages in between. Each must have arrived before the next
 * is sent, or their order changes. Throws AbilityFailed if the conversation was not opened as it should be.
 */
export async function replayHistory(
  conversation: LoadedConversation,
  history: readonly ConversationMessage[],
  context: ReplayContext,
): Promise<void> {
  let isOpen = !context.opens
  for (const message of history) {
    if (message.role === 'assistant') {
      context.input.push(toHistoryAnswer(message, context.model))
    } else if (isOpen || isBlank(message)) {
      await finishTurn(conversation, toHistoryPrompt(message), context)
    } else {
      await context.using('opening', openConversation(conversation, message, context))
      isOpen = true
    }
  }
}

/** The CLI does not record such a prompt if it would have to answer it. */
const isBlank = ({ content }: PastPrompt): boolean =>
  content.every((block) => block.type === 'text' && block.text.trim() === '')

/** With so small a limit, in tokens, the CLI takes every conversation for one that is too long, and does not send it. */
const nothingFits = { CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE: '1', DISABLE_COMPACT: '1' }

/**
 * Lets the CLI begin the conversation with its first message. It adds to that what it has to say itself: the environment, the model, the
 * date, an agent's instructions. It would add that to the newest message of a conversation that was only recorded, so that the model
 * would find everything from the first message on changed. The model is not asked: to the CLI, the conversation is too long.
 */
async function openConversation(
  conversation: LoadedConversation,
  message: PastPrompt,
  context: ReplayContext,
): Promise<void> {
  const { control, plain } = context
  const before = plain ? limitsOfPlain : await variablesOf(control)
  await control.applySettings({ env: nothingFits })
  await finishTurn(conversation, toPrompt(message.content), context, (emitted) => {
    if (isOfModel(emitted)) throw new AbilityFailed('opening', 'it asked the model when a conversation was opened')
  })
  await control.applySettings({ env: before })
}

const limitsOfPlain = Object.fromEntries(Object.keys(nothingFits).map((name) => [name, plainEnvironment[name] ?? '']))

/** The values that the variables in `nothingFits` have for the process; an empty one unsets a variable. */
async function variablesOf(control: Control): Promise<Record<string, string>> {
  const { effective } = await control.getSettings()
  const { env } = fieldsOf(effective)
  const set = fieldsOf(env)
  return Object.fromEntries(
    Object.keys(nothingFits).map((name) => [name, typeof set[name] === 'string' ? set[name] : '']),
  )
}

/** The model that the CLI names in answers that it gives itself. */
const ownModel = '<synthetic>'

const isOfModel = (message: SDKMessage | ApprovalNote): boolean =>
  message.type === 'stream_event' || (message.type === 'assistant' && message.message.model !== ownModel)

async function finishTurn(
  conversation: LoadedConversation,
  prompt: SDKUserMessage,
  { input, messages }: ReplayContext,
  check: (emitted: SDKMessage | ApprovalNote) => void = () => {},
): Promise<void> {
  input.push(prompt)
  conversation.noteTurn(prompt.uuid ?? '')
  const timer = setTimeout(() => messages.stop(new Error('a past message was not accepted')), replayMs)
  try {
    for (;;) {
      const emitted = await messages.take()
      check(emitted)
      // Not every CLI tells which message a result belongs to; only one message is under way.
      if (emitted.type === 'result' && (emitted.user_message_uuid ?? prompt.uuid) === prompt.uuid) return
    }
  } finally {
    clearTimeout(timer)
  }
}
