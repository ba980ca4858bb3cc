// The Agent SDK, loaded when it is first needed: it is large, and the server answers requests before it is loaded.

type Sdk = typeof import('@anthropic-ai/claude-agent-sdk')

let loading: Promise<Sdk> | null = null
let loaded: Sdk | null = null

export function loadSdk(): Promise<Sdk> {
  loading ??= import('@anthropic-ai/claude-agent-sdk').then((module) => {
    loaded = module
    return module
  })
  return loading
}

/** Call this only after `loadSdk` has finished. */
export function sdk(): Sdk {
  if (loaded === null) throw new Error('the Agent SDK is not loaded yet')
  return loaded
}
