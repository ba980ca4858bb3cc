// Names of models, for the faces that take them: which there are and what a name in a request stands for. Pure; what there is
// comes from the CLI.

import type { ModelFact } from '../core/agent.ts'
import { AppError } from '../errors.ts'
import { nearestName } from '../platform/did-you-mean.ts'

/** `model` is what the CLI is given, null for its default; `shown` is what an answer says. */
export type ResolvedModel = { model: string | null; agent: boolean; publicName: string }

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
  if (name === 'default') return { model: null, agent, publicName: shownAs(fact?.resolvedModel ?? name) }
  if (fact !== undefined) return { model: name, agent, publicName: shownAs(fact.resolvedModel) }
  if (fullId.test(name)) return { model: name, agent, publicName: shownAs(name) }
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

/** A name that requests may use; `displayName` is for people. */
export type NamedModel = { id: string; displayName: string }

/** Every name that `resolveModel` takes, but for older full ids: each model by itself, and as an agent. */
export function modelNames(
  models: readonly ModelFact[],
  modelMap: Readonly<Record<string, string>> = {},
): NamedModel[] {
  const names = [...new Set([...plainNames(models), ...Object.keys(modelMap)])]
  const isAgent = (name: string) => (modelMap[name] ?? '').startsWith(agentPrefix)
  const agents = names.filter((name) => !isAgent(name)).map((name) => `${agentPrefix}${name}`)
  return [...names, ...agents].map((id) => ({ id, displayName: displayNameOf(id, models, modelMap) }))
}

/** For people: the CLI's name for it, the full id where that says more, and whether it is an agent. */
export function displayNameOf(
  id: string,
  models: readonly ModelFact[],
  modelMap: Readonly<Record<string, string>>,
): string {
  const { name, agent } = mapped(id, modelMap)
  const fact = models.find(({ value, resolvedModel }) => value === name || resolvedModel === name)
  const shown = fact?.displayName ?? name
  return agent ? `${shown}, as an agent` : shown
}
