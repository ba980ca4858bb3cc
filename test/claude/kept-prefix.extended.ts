// The combinations that kept-prefix.test.ts leaves out.
import './kept-prefix.test.ts'
