// What a program sends after an answer: the conversation so far, the answer as it came or changed, and results for its calls, in usual
// and unusual ways. Such a request continues with the process that holds the conversation, if it can. Not for the native API.
import fc from 'fast-check'
import { type Json, responseParts, toDataUrl } from './fuzz-openai.ts'
import type { Part } from './fuzz-turns.ts'
import { type Arb, type Media, oneOf, picture, seldom, text } from './fuzz-values.ts'

export type FollowUp = {
  results: 'all' | 'reversed' | 'without-last' | 'none' | 'first-twice' | 'one-more'
  /** What the user says with or after the results; null for nothing. */
  says: string | null
  output: { text: string; media: Media | null }
  /** How the answer is sent back. */
  answer: 'as-it-came' | 'left-out' | 'changed'
  /** Responses: whether the answer is named by its id. */
  byId: boolean
  offersTools: boolean
  stream: boolean
}

export const followUps: Arb<FollowUp | null> = seldom<FollowUp | null>(
  3,
  fc.record({
    results: seldom<FollowUp['results']>(
      4,
      oneOf<FollowUp['results']>('reversed', 'without-last', 'none', 'first-twice', 'one-more'),
      fc.constant('all'),
    ),
    says: fc.oneof(fc.constant(null), text),
    output: fc.record({ text, media: seldom<Media | null>(6, picture, fc.constant(null)) }),
    answer: seldom<FollowUp['answer']>(6, oneOf<FollowUp['answer']>('left-out', 'changed'), fc.constant('as-it-came')),
    byId: fc.boolean(),
    offersTools: seldom(6, fc.constant(false), fc.constant(true)),
    stream: fc.boolean(),
  }),
  fc.constant(null),
)

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : [])

function idsFor(ids: readonly string[], { results }: FollowUp): string[] {
  switch (results) {
    case 'reversed':
      return ids.toReversed()
    case 'without-last':
      return ids.slice(0, -1)
    case 'none':
      return []
    case 'first-twice':
      return [...ids.slice(0, 1), ...ids]
    case 'one-more':
      return [...ids, 'call_more']
    default:
      return [...ids]
  }
}

const partsOf = ({ output }: FollowUp): Part[] => [
  { kind: 'text', text: output.text },
  ...(output.media === null ? [] : [{ kind: 'picture' as const, media: output.media, isUrl: false }]),
]

/** The answer as it is sent back: an item of it may have changed on the way. */
function sentBack<T extends Json>(answer: readonly T[], { answer: how }: FollowUp, changed: (item: T) => T): T[] {
  if (how === 'left-out') return []
  return how === 'changed' ? answer.map(changed) : [...answer]
}

const withTools = (body: Json, { offersTools, stream }: FollowUp): Json => {
  const { tools, tool_choice: choice, ...rest } = body
  return { ...rest, stream, ...(offersTools && tools !== undefined ? { tools } : {}) }
}

function nextChat(body: Json, reply: Json, follow: FollowUp): Json {
  const [choice] = list(reply.choices)
  const answer = choice?.message as Json
  const content = partsOf(follow).map((part) =>
    part.kind === 'picture'
      ? { type: 'image_url', image_url: { url: toDataUrl(part.media) } }
      : { type: 'text', text: follow.output.text },
  )
  const ids = list(answer.tool_calls).map(({ id }) => String(id))
  return {
    ...withTools(body, follow),
    messages: [
      ...list(body.messages),
      ...sentBack([answer], follow, (message) => ({ ...message, content: 'Changed.' })),
      ...idsFor(ids, follow).map((id) => ({ role: 'tool', tool_call_id: id, content })),
      ...(follow.says === null ? [] : [{ role: 'user', content: follow.says }]),
    ],
  }
}

function nextResponse(body: Json, reply: Json, follow: FollowUp): Json {
  const output = list(reply.output)
  const ids = output.flatMap(({ call_id: id }) => (typeof id === 'string' ? [id] : []))
  const earlier = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : list(body.input)
  const items = [
    ...idsFor(ids, follow).map((id) => ({
      type: 'function_call_output',
      call_id: id,
      output: responseParts(partsOf(follow), 'input_text'),
    })),
    ...(follow.says === null ? [] : [{ role: 'user', content: follow.says }]),
  ]
  const next = withTools(body, follow)
  if (follow.byId) return { ...next, previous_response_id: reply.id, input: items }
  const answer = sentBack(output, follow, ({ id, ...item }) => item)
  return { ...next, input: [...earlier, ...answer, ...items] }
}

function nextMessage(body: Json, reply: Json, follow: FollowUp): Json {
  const content = list(reply.content)
  const ids = content.flatMap(({ type, id }) => (type === 'tool_use' ? [String(id)] : []))
  const output = [
    { type: 'text', text: follow.output.text },
    ...(follow.output.media === null
      ? []
      : [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: follow.output.media.data } }]),
  ]
  const blocks = [
    ...idsFor(ids, follow).map((id) => ({ type: 'tool_result', tool_use_id: id, content: output })),
    ...(follow.says === null ? [] : [{ type: 'text', text: follow.says }]),
  ]
  const answer = { role: 'assistant', content }
  return {
    ...withTools(body, follow),
    messages: [
      ...list(body.messages),
      ...sentBack([answer], follow, (message) => ({ ...message, content: content.slice(-1) })),
      { role: 'user', content: blocks },
    ],
  }
}

export const nextBody = { chat: nextChat, responses: nextResponse, messages: nextMessage }
