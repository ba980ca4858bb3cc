// Builds the pages of Anthropic's model list from the model names that requests may use.
import type { NamedModel } from '../../compat/models.ts'
import { invalidField } from '../../errors.ts'
import type { ModelInfo, ModelPage } from './reply-schemas.ts'

const lines = ['haiku', 'sonnet', 'opus', 'fable', 'mythos'] as const

/** Release dates are unknown; a fixed time keeps the list the same from call to call. */
const unknownTime = '1970-01-01T00:00:00Z'

export const toModelInfo = ({ id, displayName }: NamedModel): ModelInfo => ({
  type: 'model',
  id,
  display_name: displayName,
  created_at: unknownTime,
  lifecycle: 'active',
  line: lines.find((line) => id.includes(line)) ?? null,
  capabilities: null,
  max_input_tokens: null,
  max_tokens: null,
  deprecated_at: null,
  retires_at: null,
})

export type PageQuery = { limit?: unknown; before_id?: unknown; after_id?: unknown }

const limitMax = 1000

function readLimit(value: unknown): number {
  if (value === undefined) return 20
  const limit = Number(value)
  if (Number.isInteger(limit) && limit >= 1 && limit <= limitMax) return limit
  throw invalidField('limit', `must be an integer from 1 to ${limitMax}`)
}

/** Throws `invalid_request` if the id is not in the list. */
function indexOfModel(models: readonly NamedModel[], field: string, id: unknown): number | null {
  if (id === undefined) return null
  const index = models.findIndex((model) => model.id === id)
  if (index === -1) throw invalidField(field, 'is not the id of a model in the list')
  return index
}

export function toModelPage(models: readonly NamedModel[], query: PageQuery): ModelPage {
  const limit = readLimit(query.limit)
  const after = indexOfModel(models, 'after_id', query.after_id)
  const before = indexOfModel(models, 'before_id', query.before_id)
  const end = before ?? models.length
  const start = after === null ? (before === null ? 0 : Math.max(0, end - limit)) : after + 1
  const page = models.slice(start, Math.min(end, start + limit))
  return {
    data: page.map(toModelInfo),
    has_more: before !== null && after === null ? start > 0 : start + page.length < end,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  }
}
