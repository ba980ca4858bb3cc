// Describes the Responses API for serve-run.ts: how a request becomes a run, and its answer a response, or a compacted
// conversation. Not for stored responses (stored-responses.ts), nor for the routes.
import type { Caller } from '../../../auth/authenticate.ts'
import type { ResolvedModel } from '../../../compat/models.ts'
import type { CompatApi, Translation } from '../../../compat/serve-run.ts'
import type { RunHandle, RunInput } from '../../../core/runs.ts'
import { invalidField } from '../../../errors.ts'
import { namedFrame } from '../../../http/sse.ts'
import { missingIn, parseBody } from '../../../http/validate.ts'
import { Conversations, type OpenedConversation, sealerOf } from '../conversations/conversations.ts'
import type { OpenaiOptions } from '../shared/options.ts'
import { AnsweredItems } from './answered-items.ts'
import { keptItems, requestsCompaction, sinceCompaction, triggerType } from './compaction.ts'
import type { ConnectionMemory } from './connection-memory.ts'
import { responseNestedFields } from './fields.ts'
import { conversationParam, earlierParam } from './items.ts'
import { compactedResponse, endedResponse, openResponse, ResponseEvents, type ResponseFacts } from './reply.ts'
import type { Response } from './reply-schemas.ts'
import {
  checkResponse,
  conversationOf,
  isStored,
  type ResponsePlan,
  toCompactionRun,
  toResponseRun,
} from './request.ts'
import { CompactRequest, type InputItem, type LocatedItem, ResponseRequest } from './schemas.ts'
import { StoredResponses } from './stored-responses.ts'

/** `memory`: of the connection that the requests come over, if it is one for many requests. */
export const responsesApi = (
  options: OpenaiOptions,
  memory: ConnectionMemory | null = null,
): CompatApi<ResponseRequest, ResponsePlan> => ({
  parse: (body) => parseBody(ResponseRequest, body),
  translate: (body, resolved, { caller }) => translate(options, body, { resolved, caller, memory }),
  nestedFields: responseNestedFields,
  schemaParam: ({ formatParam }) => `${formatParam}.schema`,
  toReply: (answer, plan, run) => endedResponse(plan, factsOf(run), answer),
  toAcceptedReply: (plan, run, { caller }) => toAcceptedReply(options, plan, run, caller),
  encoder(plan, run) {
    const events = new ResponseEvents(plan, factsOf(run))
    return {
      toFrames: (event) => events.encode(event).map(namedFrame),
      toErrorFrames: (error) => events.failure(error).map(namedFrame),
    }
  },
})

type CompactPlan = ResponsePlan & { kept: InputItem[] }

/** As a request for a response that ends with a trigger, but its answer is not stored and has a form of its own. */
export const compactApi = (options: OpenaiOptions): CompatApi<ResponseRequest, CompactPlan> => ({
  parse: (body) => ({ ...parseBody(CompactRequest, body), store: false, stream: false }),
  async translate(body, resolved, { caller }) {
    const { before, own } = await locate(options, {
      ...{ body, caller, memory: null },
      input: isContinuation(body) ? [] : inputItems(body),
    })
    const items = [...before, ...own]
    const translation = toCompactionRun(body, resolved, items, sealerOf(options, caller))
    return { ...translation, plan: { ...translation.plan, kept: keptItems(items.map(({ item }) => item)) } }
  },
  nestedFields: responseNestedFields,
  schemaParam: ({ formatParam }) => formatParam,
  toReply: (answer, plan, run) => compactedResponse(plan, factsOf(run), answer, plan.kept),
  encoder() {
    throw new Error('a compacted conversation is not streamed')
  },
})

const factsOf = ({ id, createdAtMs }: RunHandle): ResponseFacts => ({ runId: id, createdAtMs })

async function translate(
  options: OpenaiOptions,
  body: ResponseRequest,
  { resolved, caller, memory }: { resolved: ResolvedModel; caller: Caller; memory: ConnectionMemory | null },
): Promise<Translation<ResponsePlan>> {
  checkResponse(body)
  const { before, own, isWhole, kept } = await locate(options, { body, input: inputItems(body), caller, memory })
  const items = own.map(({ item }) => item)
  const toRun = requestsCompaction(items) ? toCompactionRun : toResponseRun
  const response = toRun(body, resolved, [...before, ...own], sealerOf(options, caller))
  // The input is stored as items with resolved references, next to the body.
  const { request } = response.plan
  const whole = [...before.map(({ item }) => item), ...items]
  if (memory !== null) memory.current = whole
  // What it continues may not be stored.
  const stored = isWhole ? { items: whole, isWhole } : { items }
  const requestSnapshot = isStored(body) ? { ...request, body: { ...body, input: null }, ...stored } : null
  const turn = kept === null ? {} : turnOf(options, { conversation: kept, items, plan: response.plan, caller })
  return { ...response, run: { ...response.run, ...turn, requestSnapshot } }
}

type Turn = { conversation: OpenedConversation; items: readonly InputItem[]; plan: ResponsePlan; caller: Caller }

/**
 * Holds the conversation during the run, and adds what was sent and answered to it once the run has succeeded: before the client
 * learns of that.
 */
function turnOf(
  options: OpenaiOptions,
  { conversation, items, plan, caller }: Turn,
): Pick<RunInput, 'acquire' | 'tap'> {
  const answered = new AnsweredItems(plan)
  const input = items.filter(({ type }) => type !== triggerType)
  return {
    acquire: () => conversation.acquire(input),
    async tap(event) {
      const output = answered.accept(event)
      if (output === null) return
      await new Conversations(options, caller).addTurn(conversation.id, [...input, ...output])
    },
  }
}

/** `isWhole`: what comes before is not in stored responses. `kept`: the conversation that it is in, if clients keep it here. */
type Located = { before: LocatedItem[]; own: LocatedItem[]; isWhole: boolean; kept: OpenedConversation | null }

type LocateInput = {
  body: ResponseRequest
  input: readonly InputItem[]
  caller: Caller
  memory: ConnectionMemory | null
}

/** The items of the conversation so far, and those of the request. */
export async function locate(options: OpenaiOptions, { body, input, caller, memory }: LocateInput): Promise<Located> {
  const stored = new StoredResponses(options, caller)
  const items = await stored.resolveReferences(input)
  const previous = body.previous_response_id
  const remembered = previous ? (memory?.conversationUpTo(previous) ?? null) : null
  const conversation = conversationOf(body)
  const kept = conversation === null ? null : await new Conversations(options, caller).open(conversation)
  const before = kept
    ? toEarlier(kept.items, conversationParam)
    : remembered
      ? toEarlier(remembered)
      : previous
        ? toEarlier(await stored.conversationUpTo(previous, items))
        : []
  const own = items.map((item, index) => ({
    item,
    param: typeof body.input === 'string' ? 'input' : `input[${index}]`,
  }))
  return { before, own, isWhole: remembered !== null || kept !== null, kept }
}

/** Without what a summary replaces. */
const toEarlier = (items: readonly InputItem[], param = earlierParam): LocatedItem[] =>
  sinceCompaction(items).map((item) => ({ item, param }))

/** Whether a conversation is to be compacted as it is. */
const isContinuation = ({ input, previous_response_id: previous }: ResponseRequest) =>
  (input === null || input === undefined) && Boolean(previous)

/** Null if there is no input. */
export const toItems = (input: ResponseRequest['input']): InputItem[] | null =>
  typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : (input ?? null)

function inputItems(body: ResponseRequest): InputItem[] {
  const { input, previous_response_id: previous } = body
  const items = toItems(input)
  if (items !== null) return items
  if (previous) throw invalidField('input', 'is required: send what follows the previous response')
  throw missingIn(ResponseRequest, body, 'input')
}

/** The run is stored by now; its record is gone only if it was refused since, as that of an earlier request can be. */
async function toAcceptedReply(
  options: OpenaiOptions,
  plan: ResponsePlan,
  run: RunHandle,
  caller: Caller,
): Promise<Response> {
  const record = await options.runs.get(run.id)
  const facts = factsOf(run)
  if (record === null) return openResponse(plan, facts, 'queued')
  return new StoredResponses(options, caller).response({ record, plan, facts })
}
