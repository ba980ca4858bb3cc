// Describes chat completions for serve-run.ts: how a request becomes a run, and its answer a completion. Not for the routes.
import type { CompatApi } from '../../../compat/serve-run.ts'
import type { RunHandle } from '../../../core/runs.ts'
import type { Frame } from '../../../http/sse.ts'
import { parseBody } from '../../../http/validate.ts'
import { toErrorBody } from '../shared/errors.ts'
import { chatNestedFields } from './fields.ts'
import { ChatChunks, type ReplyIds, toCompletion } from './reply.ts'
import { type ChatPlan, toChatRun } from './request.ts'
import { ChatRequest } from './schemas.ts'

export const chatApi: CompatApi<ChatRequest, ChatPlan> = {
  parse: (body) => parseBody(ChatRequest, body),
  translate: toChatRun,
  nestedFields: chatNestedFields,
  schemaParam: ({ schemaParam }) => schemaParam,
  toReply: (answer, plan, run) => toCompletion(answer, plan, idsOf(run)),
  encoder(plan, run) {
    const chunks = new ChatChunks(plan, idsOf(run))
    return {
      // Only a stream that succeeds ends with `[DONE]`.
      toFrames: (event) => [...chunks.encode(event).map(toFrame), ...(event.type === 'run-end' ? [done] : [])],
      toErrorFrames: (error) => [toFrame(toErrorBody(error))],
    }
  },
}

const idsOf = ({ id, createdAtMs }: RunHandle): ReplyIds => ({
  id: `chatcmpl-${id.replace(/^run_/, '')}`,
  created: Math.floor(createdAtMs / 1000),
})

const toFrame = (chunk: object): Frame => ({ data: JSON.stringify(chunk) })
const done: Frame = { data: '[DONE]' }
