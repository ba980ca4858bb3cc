// Names of models: which there are, what a name in a request stands for, and OpenAI's list of them. Pure; what there is
// comes from the CLI.
import { AppError } from '../../errors.ts'
import { nearestName } from '../../nearest.ts'
import type { Model, ModelList } from './reply-schemas.ts'

/** A model as the CLI reports it: the short name it goes by, and the id behind that. */
export type ModelFact = { value: string; resolvedModel: string; displayName: string }

/** `model` is what the CLI is given, null for its default; `shown` is what an answer says. */
export type ResolvedModel = { model: string | null; agent: boolean; shown: string }

const agentPrefix = 'agent/'
/** Some programs put the provider in front of a model's name. */
const providerPrefixes = ['anthropic/', 'openai/', 'claude-serve/']
const fullId = /^claude-[a-z0-9.-]+$/

type Wanted = { name: string; agent: boolean }

/** One prefix less; null where there is none. */
function withoutPrefix({ name, agent }: Wanted): Wanted | null {
  if (name.startsWith(agentPrefix)) return { name: name.slice(agentPrefix.length), agent: true }
  const provider = providerPrefixes.find((prefix) => name.startsWith(prefix))
  return provider === undefined ? null : { name: name.slice(provider.length), agent }
}

/** The names in the map stand for others, with or without prefixes; what they stand for is not looked up again. */
function mapped(given: string, modelMap: Readonly<Record<string, string>>): Wanted {
  let wanted: Wanted = { name: given, agent: false }
  for (;;) {
    if (Object.hasOwn(modelMap, wanted.name)) {
      const target = mapped(modelMap[wanted.name] ?? '', {})
      return { name: target.name, agent: target.agent || wanted.agent }
    }
    const next = withoutPrefix(wanted)
    if (next === null) return wanted
    wanted = next
  }
}

/** Throws `model_not_found`. */
export function resolveModel(
  given: string,
  models: readonly ModelFact[],
  modelMap: Readonly<Record<string, string>>,
): ResolvedModel {
  const { name, agent } = mapped(given, modelMap)
  const shownAs = (id: string) => `${agent ? agentPrefix : ''}${id}`
  const fact = models.find(({ value }) => value === name) ?? models.find(({ resolvedModel }) => resolvedModel === name)
  if (name === 'default') return { model: null, agent, shown: shownAs(fact?.resolvedModel ?? name) }
  if (fact !== undefined) return { model: name, agent, shown: shownAs(fact.resolvedModel) }
  if (fullId.test(name)) return { model: name, agent, shown: shownAs(name) }
  throw notFound(given, name, models, modelMap)
}

function notFound(
  given: string,
  name: string,
  models: readonly ModelFact[],
  modelMap: Readonly<Record<string, string>>,
): AppError {
  const shown = given.length > 80 ? `${given.slice(0, 80)}…` : given
  const nearest = nearestName(name, [...plainNames(models), ...Object.keys(modelMap)])
  const hint = nearest === null ? 'GET /v1/models lists those there are' : `did you mean ${nearest}?`
  return new AppError('model_not_found', `there is no model ${JSON.stringify(shown)}; ${hint}`, { field: 'model' })
}

function plainNames(models: readonly ModelFact[]): string[] {
  return [...new Set([...models.map(({ value }) => value), ...models.map(({ resolvedModel }) => resolvedModel)])]
}

/** Nobody knows when a model came to be; a fixed time keeps the list the same from call to call. */
export const toModel = (id: string): Model => ({ id, object: 'model', created: 0, owned_by: 'anthropic' })

/** Every name that `resolveModel` takes, but for older full ids: each model by itself, and as an agent. */
export function toModelList(models: readonly ModelFact[], modelMap: Readonly<Record<string, string>> = {}): ModelList {
  const names = [...new Set([...plainNames(models), ...Object.keys(modelMap)])]
  const isAgent = (name: string) => (modelMap[name] ?? '').startsWith(agentPrefix)
  const agents = names.filter((name) => !isAgent(name)).map((name) => `${agentPrefix}${name}`)
  return { object: 'list', data: [...names, ...agents].map(toModel) }
}
