// The combinations that frozen.test.ts leaves out.
import './frozen.test.ts'
