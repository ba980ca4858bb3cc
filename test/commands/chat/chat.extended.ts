// The rarer cases that chat.test.ts leaves out.
import './chat.test.ts'
