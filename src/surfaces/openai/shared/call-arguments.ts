// Parses the arguments of a call in an earlier answer: JSON in a string, as OpenAI defines it, or an object, as some
// programs send it. What a model wrote that is no object, such as a call that was cut short, is given back to it as text.
import { invalidField } from '../../../errors.ts'
import { shapeError } from '../../../http/validate.ts'
import { parseInput } from '../../../platform/json.ts'

/** As in Anthropic's advice for inputs that are not JSON: https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming */
const invalidJson = 'INVALID_JSON'

type CallArguments = string | Record<string, unknown> | null | undefined

export function parseArguments(value: CallArguments, param: string): Record<string, unknown> {
  if (value !== null && typeof value === 'object') return value
  if (value === null || value === undefined || value.trim() === '') return {}
  const parsed = parseInput(value)
  if (parsed === null) return { [invalidJson]: value }
  const problem = shapeError(parsed)
  if (problem !== null) throw invalidField(param, problem.replace('the body ', ''))
  return parsed
}
