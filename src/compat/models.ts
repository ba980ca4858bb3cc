// Model names in all APIs: which names exist, which model a name in a request resolves to, and what it makes of the system
// prompt. Pure; the models themselves come from the CLI.

import { type ModelFact, noOptions, type RunOptions } from '../core/agent.ts'
import { AppError } from '../errors.ts'
import { nearestName } from '../platform/did-you-mean.ts'

/** `model` is passed to the CLI, null for its default; `publicName` is the name in the response. */
export type ResolvedModel = { model: string | null; agent: boolean; publicName: string }

const agentPrefix = 'agent/'
/** Some programs prefix a model's name with the provider. */
const providerPrefixes = ['anthropic/', 'openai/', 'claude-serve/']

/** Programs that speak to Ollama end a name with this if it has no tag, on the paths of OpenAI too. */
export const latestTag = ':latest'

/** The CLI takes these whether or not it reports them. */
const cliAliases = ['sonnet', 'opus', 'haiku', 'fable', 'best', 'opusplan']

/** Models that the CLI does not report: older and newer ones, in the spelling of Anthropic, Vertex and Bedrock. */
const fullIds = [
  /^claude-[a-z0-9.@:-]+$/,
  /^(?:[a-z0-9-]+\.)?anthropic\.claude-[a-z0-9.:-]+$/,
  /^arn:aws[a-z-]*:bedrock:[\w.:/-]+$/,
]

/** Any model may be requested with a longer context: `sonnet[1m]`. */
const contextSuffix = /\[\d{1,3}[km]\]$/i

type ModelRequest = { name: string; agent: boolean }

/** Strips the tag or one prefix; null if there is none. */
function withoutAffix({ name, agent }: ModelRequest): ModelRequest | null {
  if (name.endsWith(latestTag)) return { name: name.slice(0, -latestTag.length), agent }
  if (name.startsWith(agentPrefix)) return { name: name.slice(agentPrefix.length), agent: true }
  const provider = providerPrefixes.find((prefix) => name.startsWith(prefix))
  return provider === undefined ? null : { name: name.slice(provider.length), agent }
}

/** Applies the model map, to the name with and without its tag and prefixes. A mapped name is not looked up again. */
function applyModelMap(requestedName: string, modelMap: Readonly<Record<string, string>>): ModelRequest {
  let request: ModelRequest = { name: requestedName, agent: false }
  for (;;) {
    if (Object.hasOwn(modelMap, request.name)) {
      const target = applyModelMap(modelMap[request.name] ?? '', {})
      return { name: target.name, agent: target.agent || request.agent }
    }
    const next = withoutAffix(request)
    if (next === null) return request
    request = next
  }
}

/** The name without its suffix for the context, and the suffix. */
function splitContext(name: string): { base: string; suffix: string } {
  const [suffix = ''] = contextSuffix.exec(name) ?? []
  return { base: name.slice(0, name.length - suffix.length), suffix }
}

const findFact = (name: string, models: readonly ModelFact[]) =>
  models.find(({ value }) => value === name) ?? models.find(({ resolvedModel }) => resolvedModel === name)

/** Throws `model_not_found`. `field` is the location of the name in the request. */
export function resolveModel(
  requestedName: string,
  models: readonly ModelFact[],
  modelMap: Readonly<Record<string, string>>,
  field = 'model',
): ResolvedModel {
  const { name, agent } = applyModelMap(requestedName, modelMap)
  const toPublicName = (id: string) => `${agent ? agentPrefix : ''}${id}`
  const fact = findFact(name, models)
  if (name === 'default') return { model: null, agent, publicName: toPublicName(fact?.resolvedModel ?? name) }
  if (fact !== undefined) return { model: name, agent, publicName: toPublicName(fact.resolvedModel) }
  const { base, suffix } = splitContext(name)
  const baseFact = base === 'default' ? undefined : findFact(base, models)
  const isKnown = baseFact !== undefined || cliAliases.includes(base) || fullIds.some((id) => id.test(base))
  if (isKnown) return { model: name, agent, publicName: toPublicName(`${baseFact?.resolvedModel ?? base}${suffix}`) }
  throw notFound(requestedName, name, field, models, modelMap)
}

function notFound(
  requestedName: string,
  name: string,
  field: string,
  models: readonly ModelFact[],
  modelMap: Readonly<Record<string, string>>,
): AppError {
  const shown = requestedName.length > 80 ? `${requestedName.slice(0, 80)}…` : requestedName
  const { base, suffix } = splitContext(name)
  const nearest = nearestName(base, [...plainNames(models), ...cliAliases, ...Object.keys(modelMap)])
  const hint = nearest === null ? 'GET /v1/models lists the available models' : `did you mean ${nearest}${suffix}?`
  return new AppError('model_not_found', `there is no model ${JSON.stringify(shown)}; ${hint}`, { field })
}

function plainNames(models: readonly ModelFact[]): string[] {
  return [...new Set([...models.map(({ value }) => value), ...models.map(({ resolvedModel }) => resolvedModel)])]
}

/** A model name that requests may use; `displayName` is for people. */
export type NamedModel = { id: string; displayName: string }

/**
 * The names that the CLI reports and those of the map, as far as `mayUse` is true for the CLI's name of the model: each
 * as a plain model and as an agent.
 */
export function modelNames(
  models: readonly ModelFact[],
  modelMap: Readonly<Record<string, string>> = {},
  mayUse: (name: string) => boolean = () => true,
): NamedModel[] {
  const all = [...new Set([...plainNames(models), ...Object.keys(modelMap)])]
  const names = all.filter((name) => mayUse(applyModelMap(name, modelMap).name))
  const isAgent = (name: string) => (modelMap[name] ?? '').startsWith(agentPrefix)
  const agents = names.filter((name) => !isAgent(name)).map((name) => `${agentPrefix}${name}`)
  return [...names, ...agents].map((id) => ({ id, displayName: displayNameOf(id, models, modelMap) }))
}

/** The CLI's display name, or the id if the CLI does not list the model, and whether it is an agent. */
export function displayNameOf(
  id: string,
  models: readonly ModelFact[],
  modelMap: Readonly<Record<string, string>>,
): string {
  const { name, agent } = applyModelMap(id, modelMap)
  const fact = findFact(name, models) ?? findFact(splitContext(name).base, models)
  const shown = fact?.displayName ?? name
  return agent ? `${shown}, as an agent` : shown
}

/** A plain model gets only the caller's system prompt; an agent gets it appended to its own. */
export function systemOptions(system: string, isAgent: boolean): RunOptions {
  if (isAgent) return { ...noOptions, appendSystemPrompt: system === '' ? null : system }
  return { ...noOptions, systemPrompt: system }
}
