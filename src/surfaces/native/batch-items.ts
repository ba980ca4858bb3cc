// Requests of `POST /v1/chat` as items of a batch, which come by OpenAI's routes for batches.
import { requireScope } from '../../auth/authenticate.ts'
import { toAgentRun } from '../../compat/agent-run.ts'
import { answerByRun, type ItemApi } from '../../compat/batch-items.ts'
import { invalidField } from '../../errors.ts'
import { collectRun } from '../../http/stream-run.ts'
import { parseBody } from '../../http/validate.ts'
import type { ChatOptions } from './chat-routes.ts'
import { ChatRequest } from './schemas.ts'
import { toErrorBody, toReply } from './translate.ts'

export const chatItems = (options: ChatOptions): ItemApi => ({
  answer: (request, toLine) =>
    answerByRun(
      options.runs,
      request,
      async (caller) => {
        requireScope(caller, 'agent')
        const body = parseBody(ChatRequest, request.body)
        if (body.background) throw invalidField('background', 'must be false in a batch')
        const input = await toAgentRun(body, { streaming: false, roots: options.cwdRoots(caller) }, options)
        return {
          input: { ...input, surface: 'native' },
          toAnswer: async (run, onEvent) => toReply(await collectRun(run, onEvent), run.id),
        }
      },
      toLine,
    ),
  toError: (error) => ({ status: error.status, body: toErrorBody(error, '') }),
})
