// Counts tokens with the tokenizer of older Claude models, which is the only one that is public. Not what an API of today
// counts: for newer models that is more.
import { getTokenizer } from '@anthropic-ai/tokenizer'

const tokenizer = getTokenizer()

export const countTokens = (text: string): number => tokenizer.encode(text.normalize('NFKC'), 'all').length
