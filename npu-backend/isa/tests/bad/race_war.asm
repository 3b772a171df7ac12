# E_RACE @2 with @1: WAR, the buffer is loaded again while VX reads it
.config tiny-fuzz
.regions r1=4096 r2=4096 r3=4096
LDA.ld region=R2 n=[16,1,1,1] ; sig s0
VX.ew fn=mov a_s=[1,0,0,0] d=0x100 d_s=[1,0,0,0] n=[16,1,1,1] ; wait s0 sig s1
LDA.ld region=R2 off=0x10 n=[16,1,1,1] # fix: LDA.ld region=R2 off=0x10 n=[16,1,1,1] ; wait s1
LDA.nop ; wait s1 # fix: LDA.nop
VX.halt
