// Builds OpenAI's list of models from the names that requests may use.
import type { NamedModel } from '../../../compat/models.ts'
import type { Model, ModelList } from '../chat/reply-schemas.ts'

/** The creation time of a model is unknown; a fixed one keeps the list identical from call to call. */
export const toModel = (id: string): Model => ({ id, object: 'model', created: 0, owned_by: 'anthropic' })

export const toModelList = (models: readonly NamedModel[]): ModelList => ({
  object: 'list',
  data: models.map(({ id }) => toModel(id)),
})
