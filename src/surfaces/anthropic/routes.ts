// Anthropic's routes: messages (whole and streamed), token counts and models. Those of batches are in batches/routes.ts; the translation
// is pure and lives in the other files.

import type { FastifyInstance } from 'fastify'
import { checkMayUse, mayUseModel } from '../../auth/key-policy.ts'
import { getModel, listModels, plainOrAgent } from '../../compat/model-routes.ts'
import { displayNameOf, modelNames, resolveModel } from '../../compat/models.ts'
import { countInputTokens, serveRun } from '../../compat/serve-run.ts'
import { AppError } from '../../errors.ts'
import { toRequestError } from '../../http/request-errors.ts'
import type { SendError } from '../../http/requested-surface.ts'
import { postOnly, type RouteTable, refuse, registerRoutes } from '../../http/routes.ts'
import { countApi, messagesApi } from './api.ts'
import { batchRoutes } from './batches/routes.ts'
import { anthropicHeaders, anthropicStatus, toErrorBody } from './errors.ts'
import { type PageQuery, toModelInfo, toModelPage } from './models.ts'
import type { AnthropicOptions } from './options.ts'
import { CountRequest, MessagesRequest, ModelParams, ModelsQuery } from './schemas.ts'

export const sendAnthropicError: SendError = (error, request, reply) =>
  reply.code(anthropicStatus(error)).headers(anthropicHeaders(error)).send(toErrorBody(error, request.id))

export const anthropicRoutes: RouteTable<AnthropicOptions> = {
  tag: 'anthropic',
  scope: 'chat',
  routes: [
    {
      method: 'POST',
      path: '/v1/messages',
      id: 'createMessage',
      summary: "Anthropic's messages",
      about: `${plainOrAgent} With \`"stream": true\` the answer is streamed as server-sent events, each with its name in \`event:\`.`,
      body: MessagesRequest,
      answers: { 200: { about: 'The answer.', json: 'AnthropicMessage', events: 'AnthropicMessageEvent' } },
      startsRun: true,
      reportsIgnoredFields: true,
      handler: (options, request, reply) => serveRun(messagesApi, options, request, reply),
    },
    {
      method: 'POST',
      path: '/v1/messages/count_tokens',
      id: 'countTokens',
      summary: "Anthropic's token counts",
      about: 'An estimate: no request is made to the model.',
      body: CountRequest,
      answers: { 200: { about: 'The estimate.', json: 'AnthropicTokenCount', headers: ['x-claude-serve-estimate'] } },
      reportsIgnoredFields: true,
      errors: ['model', 'cli'],
      handler: async (options, request, reply) => ({
        input_tokens: await countInputTokens(countApi, options, request, reply),
      }),
    },
    {
      ...listModels,
      query: ModelsQuery,
      answers: { 200: { about: 'The names.', json: 'AnthropicModelPage' } },
      async handler({ models, modelMap }, { query, caller: { key } }) {
        const names = modelNames(await models(), modelMap, (name) => mayUseModel(key, name))
        return toModelPage(names, query as PageQuery)
      },
    },
    {
      ...getModel,
      params: ModelParams,
      answers: { 200: { about: 'The model.', json: 'AnthropicModel' } },
      async handler({ models, modelMap }, { params, caller: { key } }) {
        const id = params['*']
        const facts = await models()
        checkMayUse(key, resolveModel(id, facts, modelMap).model ?? id)
        return toModelInfo({ id, displayName: displayNameOf(id, facts, modelMap) })
      },
    },
  ],
  refusals: [
    postOnly('/v1/messages'),
    postOnly('/v1/messages/count_tokens'),
    refuse('/v1/complete', () => new AppError('not_found', '/v1/complete is not supported: use POST /v1/messages')),
  ],
}

/** Register this in a scope of its own, because its error handler is meant for these routes only. */
export function registerAnthropic(app: FastifyInstance, options: AnthropicOptions): void {
  app.setErrorHandler((thrown, request, reply) => sendAnthropicError(toRequestError(thrown, request), request, reply))
  registerRoutes(app, anthropicRoutes, options)
  registerRoutes(app, batchRoutes, options)
}
