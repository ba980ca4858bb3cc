// Syntax highlighting for the most common languages. Loaded when the first code block is shown.
import bash from 'highlight.js/lib/languages/bash'
import c from 'highlight.js/lib/languages/c'
import cpp from 'highlight.js/lib/languages/cpp'
import csharp from 'highlight.js/lib/languages/csharp'
import css from 'highlight.js/lib/languages/css'
import diff from 'highlight.js/lib/languages/diff'
import dockerfile from 'highlight.js/lib/languages/dockerfile'
import go from 'highlight.js/lib/languages/go'
import ini from 'highlight.js/lib/languages/ini'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import kotlin from 'highlight.js/lib/languages/kotlin'
import makefile from 'highlight.js/lib/languages/makefile'
import markdown from 'highlight.js/lib/languages/markdown'
import php from 'highlight.js/lib/languages/php'
import python from 'highlight.js/lib/languages/python'
import ruby from 'highlight.js/lib/languages/ruby'
import rust from 'highlight.js/lib/languages/rust'
import shell from 'highlight.js/lib/languages/shell'
import sql from 'highlight.js/lib/languages/sql'
import swift from 'highlight.js/lib/languages/swift'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'
import { createLowlight } from 'lowlight'

const lowlight = createLowlight({
  bash,
  c,
  cpp,
  csharp,
  css,
  diff,
  dockerfile,
  go,
  ini,
  java,
  javascript,
  json,
  kotlin,
  makefile,
  markdown,
  php,
  python,
  ruby,
  rust,
  shell,
  sql,
  swift,
  typescript,
  xml,
  yaml,
})

/** A piece of code and its class (`hljs-…`). */
export type HighlightedText = { text: string; className: string | null }

/** Null if the language is not supported. */
export function highlight(text: string, language: string): HighlightedText[] | null {
  if (!lowlight.registered(language)) return null
  const pieces: HighlightedText[] = []
  type Node = ReturnType<typeof lowlight.highlight>['children'][number]
  const collect = (node: Node, className: string | null) => {
    if (node.type === 'text') pieces.push({ text: node.value, className })
    if (node.type !== 'element') return
    const [own] = Array.isArray(node.properties.className) ? node.properties.className : []
    for (const child of node.children) collect(child as Node, own === undefined ? className : String(own))
  }
  for (const child of lowlight.highlight(language, text).children) collect(child, null)
  return pieces
}
