// The names of models that the server knows, with `agent/` in front of those that are Claude Code itself.
import { useComputed } from '@preact/signals'
import { useLoad } from './use-load.ts'

export function useModels() {
  const { data, fault } = useLoad<{ data: { id: string }[] }>('/v1/models')
  return { names: useComputed(() => (data.value?.data ?? []).map(({ id }) => id)), fault }
}
