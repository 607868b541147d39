package demo
import ("testing";"os";"net/http";"github.com/edged/edged/demo/sim";"net")
func TestZZ(t *testing.T){ if os.Getenv("ZZ")==""{t.Skip()}
 shop:=sim.New(sim.Config{Seed:1}); pop:=map[string]int{}; for _,e:=range shop.Events(){pop[e.Item]++}
 s:=newShelf(shop.Items(),pop); _,c:=startFake(t,s)
 f:=&storefront{page:page{Name:sim.Name,Simulated:true,Nodes:[]address{{"edge-1",c.URL},{"edge-2",c.URL},{"edge-3","http://127.0.0.1:9"}},Countries:shop.Countries(),Categories:s.categories,Visitors:[]persona{{ID:"visitor-0001",Taste:"cooking, folk style",Country:"DE",Recent:[]string{"bowl-0003"}}}},shelf:s,picture:shop.Picture}
 ln,err:=net.Listen("tcp","127.0.0.1:8099"); if err!=nil{t.Fatal(err)}
 http.Serve(ln,f.handler()) }
