# E_UNINIT @2: R1 was stored only in part
.config tiny-fuzz
.regions r1=64 r2=0 r3=0
VX.fill d_dt=u8 d_s=[1,0,0,0] n=[64,1,1,1] ; sig s0
ST.st region=R1 n=[60,1,1,1] ; wait s0 sig s1 # fix: ST.st region=R1 n=[64,1,1,1] ; wait s0 sig s1
LDA.ld region=R1 loc=0x100 n=[64,1,1,1] ; wait s1
VX.halt
