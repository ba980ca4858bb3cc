// A button that copies text to the clipboard and confirms it.
import { useSignal } from '@preact/signals'
import { announce } from '../lib/announce.ts'

const shownMs = 1_500

/** Browsers only offer a clipboard on loopback and over TLS. */
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
    announce(state.value === 'copied' ? 'Copied.' : 'Copying failed.')
    setTimeout(() => {
      state.value = 'ready'
    }, shownMs)
  }
  const labels = { ready: label, copied: 'Copied', failed: 'Copy failed' }
  return (
    <button type="button" class="quiet" onClick={copy}>
      {labels[state.value]}
    </button>
  )
}
