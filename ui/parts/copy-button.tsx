// A button that puts a text into the clipboard, and says that it has.
import { useSignal } from '@preact/signals'
import { announce } from '../lib/announce.ts'

const shownMs = 1_500

/** Browsers have a clipboard on loopback and over TLS only. */
async function writeToClipboard(text: () => string): Promise<boolean> {
  const clipboard = navigator.clipboard as Clipboard | undefined
  try {
    await clipboard?.writeText(text())
    return clipboard !== undefined
  } catch {
    return false
  }
}

export function CopyButton({ text, label }: { text(): string; label: string }) {
  const state = useSignal<'ready' | 'copied' | 'failed'>('ready')
  const copy = async () => {
    state.value = (await writeToClipboard(text)) ? 'copied' : 'failed'
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
