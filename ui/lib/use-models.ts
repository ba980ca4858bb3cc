// The model names the server offers; those of Claude Code itself have the prefix `agent/`.
import { useComputed } from '@preact/signals'
import { useLoad } from './use-load.ts'

export function useModels() {
  const { data, error } = useLoad<{ data: { id: string }[] }>('/v1/models')
  return { names: useComputed(() => (data.value?.data ?? []).map(({ id }) => id)), error }
}
