// Describes Anthropic's messages and token counts for serve-run.ts: how a request becomes a run, and its answer a message. Not for the
// routes.
import type { CompatApi } from '../../compat/serve-run.ts'
import type { RunHandle } from '../../core/runs.ts'
import { namedFrame } from '../../http/sse.ts'
import { parseBody } from '../../http/validate.ts'
import { toErrorBody } from './errors.ts'
import { messagesNestedFields } from './fields.ts'
import { MessageEvents, toMessage } from './reply.ts'
import { type MessagePlan, type MessagesBody, toMessagesRun } from './request.ts'
import { CountRequest, MessagesRequest } from './schemas.ts'
import { readVersion } from './version.ts'

export const messagesApi: CompatApi<MessagesBody, MessagePlan> = {
  parse: (body) => parseBody(MessagesRequest, body),
  translate: (body, resolved, { headers }) => toMessagesRun(body, resolved, readVersion(headers['anthropic-version'])),
  nestedFields: messagesNestedFields,
  schemaParam: ({ formatParam }) => `${formatParam}.schema`,
  toReply: (answer, plan, run) => toMessage(answer, plan, idOf(run)),
  encoder(plan, run, request) {
    const events = new MessageEvents(plan, idOf(run))
    return {
      toFrames: (event) => events.encode(event).map(namedFrame),
      toErrorFrames: (error) => [namedFrame(toErrorBody(error, request.id))],
      heartbeat: namedFrame({ type: 'ping' }),
    }
  },
}

export const countApi: typeof messagesApi = {
  ...messagesApi,
  // Its schema does not check the fields that concern the answer.
  parse: (body) => ({ ...parseBody(CountRequest, body), stop_sequences: null }),
}

const idOf = ({ id }: RunHandle) => `msg_${id.replace(/^run_/, '')}`
