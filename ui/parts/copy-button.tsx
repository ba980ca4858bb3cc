// A button that puts a text into the clipboard, and says that it has.
import { useSignal } from '@preact/signals'
import { announce } from '../lib/announce.ts'

const shownMs = 1_500

export function CopyButton({ text, label }: { text(): string; label: string }) {
  const state = useSignal<'ready' | 'copied' | 'failed'>('ready')
  const copy = async () => {
    state.value = await navigator.clipboard.writeText(text()).then(
      () => 'copied' as const,
      () => 'failed' as const,
    )
    announce(state.value === 'copied' ? 'Copied.' : 'It could not be copied.')
    setTimeout(() => {
      state.value = 'ready'
    }, shownMs)
  }
  const words = { ready: label, copied: 'Copied', failed: 'Not copied' }
  return (
    <button type="button" class="quiet" onClick={copy}>
      {words[state.value]}
    </button>
  )
}
